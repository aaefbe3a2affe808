"""A reader for the loose JSON that upstream's solo5-elftool takes, with a line for every value.

Beyond JSON it accepts a missing or a trailing comma, a repeated key (the last one counts) and any
text after the root value. Comments stay errors. It is no general JSON reader: manifests are small
and flat, so size and depth are bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

TEXT_SIZE_MAX = 1 << 20  # a full manifest has about 8 KiB
DEPTH_MAX = 16  # a manifest has 3 levels
INTEGER_DIGITS_MAX = 20  # as many as a u64 has

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*|[a-z]+")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_CONSTANTS = {"true": True, "false": False, "null": None}


class BadJson(Exception):
    """Text that even the loose rules refuse: ``what`` is wrong in ``line`` (from 1)."""

    def __init__(self, what: str, line: int) -> None:
        self.what = what
        self.line = line
        super().__init__(f"line {line}: {what}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line (from 1) on which it begins."""

    value: Value
    line: int


Value = str | int | float | bool | None | list[Node] | dict[str, Node]


def parse_loose_json(text: str) -> Node:
    """The root value of ``text``; raises BadJson."""
    if len(text) > TEXT_SIZE_MAX:
        raise BadJson(f"more than {TEXT_SIZE_MAX} characters", 1)
    return _Reader(text).value(depth=0)


class _Reader:
    """A position in a text; every method moves it past what it has read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def value(self, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise self._error("values are nested too deeply")
        character = self._peek()
        line = self._line
        if character == "{":
            return Node(self._object(depth), line)
        if character == "[":
            return Node(self._array(depth), line)
        if character == '"':
            return Node(self._string(), line)
        return Node(self._word(), line)

    def _object(self, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        self._at += 1
        while self._peek() != "}":
            if self._peek() != '"':
                raise self._unexpected("a key in quotes")
            key = self._string()
            if self._peek() != ":":
                raise self._unexpected("':'")
            self._at += 1
            members[key] = self.value(depth + 1)
            self._skip_comma()
        self._at += 1
        return members

    def _array(self, depth: int) -> list[Node]:
        elements: list[Node] = []
        self._at += 1
        while self._peek() != "]":
            elements.append(self.value(depth + 1))
            self._skip_comma()
        self._at += 1
        return elements

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._error("string without end, or with a control character")
        try:
            value = json.loads(found[0])
        except ValueError as error:
            raise self._error("string with an unknown escape") from error
        self._at = found.end()
        return str(value)

    def _word(self) -> int | float | bool | None:
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise self._unexpected("a value")
        word = found[0]
        self._at = found.end()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if _INTEGER.fullmatch(word):
            return self._integer(word)
        try:
            return float(word)
        except ValueError as error:
            raise self._error(f"{word[:20]!r} is no value") from error

    def _integer(self, digits: str) -> int:
        if len(digits) > INTEGER_DIGITS_MAX:
            raise self._error("number with too many digits")
        return int(digits)

    def _peek(self) -> str:
        """The next character that is not white space."""
        found = _SPACE.match(self._text, self._at)
        if found is not None:
            self._line += found[0].count("\n")
            self._at = found.end()
        if self._at >= len(self._text):
            raise self._error("unexpected end of the text")
        return self._text[self._at]

    def _skip_comma(self) -> None:
        if self._peek() == ",":
            self._at += 1

    def _unexpected(self, wanted: str) -> BadJson:
        return self._error(f"found {self._text[self._at]!r} instead of {wanted}")

    def _error(self, what: str) -> BadJson:
        return BadJson(what, self._line)
