"""Expected console output: plain lines, and patterns where a line may vary.

A line of the expectation that begins with ``~`` is a regular expression for one whole line;
``~N`` stands for exactly N such lines, ``~*`` for as many as there are. A space follows. All
other lines are meant literally. Console bytes are read as latin-1, so that every byte counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PATTERN_LINE = re.compile(r"~(?P<count>\d+|\*|) (?P<pattern>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first line that is not as expected; lines count from 1, None is the end of the text."""

    line: int
    expected: str | None
    actual: str | None

    def __str__(self) -> str:
        return f"line {self.line}: expected {_shown(self.expected)}, found {_shown(self.actual)}"


@dataclass(frozen=True, slots=True)
class _Expectation:
    """A run of lines with one pattern; `count` is None for any number."""

    text: str
    pattern: re.Pattern[str]
    count: int | None


def compare_transcript(expected: str, console: bytes) -> Mismatch | None:
    """Compare console output with an expectation; None means that it is as expected."""
    actual = _lines(console.decode("latin-1"))
    at = 0
    for wanted in _parse(expected):
        found = _count_matching(wanted, actual, at)
        at += found
        if wanted.count is not None and found < wanted.count:
            return Mismatch(at + 1, wanted.text, actual[at] if at < len(actual) else None)
    if at < len(actual):
        return Mismatch(at + 1, None, actual[at])
    return None


def _count_matching(wanted: _Expectation, actual: list[str], start: int) -> int:
    most = len(actual) - start
    if wanted.count is not None:
        most = min(most, wanted.count)
    for offset in range(most):
        if not wanted.pattern.fullmatch(actual[start + offset]):
            return offset
    return most


def _parse(expected: str) -> Iterator[_Expectation]:
    for line in _lines(expected):
        special = _PATTERN_LINE.fullmatch(line)
        if special is None:
            yield _Expectation(line, re.compile(re.escape(line)), 1)
            continue
        count = special["count"]
        number = None if count == "*" else int(count or 1)
        yield _Expectation(line, re.compile(special["pattern"]), number)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _shown(line: str | None) -> str:
    return "the end" if line is None else repr(line)
