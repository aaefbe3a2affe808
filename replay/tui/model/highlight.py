"""Source text as rows of spans, by Pygments; as plain rows where it does not know the language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from replay.tui.model.rows import Line, Role, Span, visible

HIGHLIGHTED_CHARACTERS_MAX = 512 << 10
"""Of a file that is told apart, at more than a million characters a second; others are plain."""

LINE_CHARACTERS_MAX = 1000
"""Of one row; what is behind it is not shown."""

_TAB = 8
_FILES_KEPT = 8
_ASSEMBLER = (".s", ".S")
_CUT = Span("…", Role.DIM)
_EMPTY: Line = (Span(""),)


@lru_cache(_FILES_KEPT)
def highlighted(name: str, text: str) -> tuple[Line, ...]:
    """The lines of a source file, the first at index 0; ``name`` tells its language."""
    text = text.replace("\r\n", "\n").replace("\r", "\\r").expandtabs(_TAB)
    lexer = None if len(text) > HIGHLIGHTED_CHARACTERS_MAX else _lexer(name)
    if lexer is None:
        return tuple(_row([(Role.TEXT, line)]) for line in text.split("\n"))
    roles = _roles()
    tokens = lexer.get_tokens_unprocessed(text + "\n")  # some comments end with their line only
    rows = [_row(line) for line in _lines((roles.of(kind), value) for _, kind, value in tokens)]
    return tuple(rows[:-1])


def _lexer(name: str) -> Any:
    from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
    from pygments.util import ClassNotFound

    name = name.rpartition("/")[2]
    if name.endswith(_ASSEMBLER):
        return get_lexer_by_name("gas")  # by the name it could be a language for statistics
    try:
        return get_lexer_for_filename(name)
    except ClassNotFound:
        return None


def _lines(pieces: Iterable[tuple[Role, str]]) -> Iterator[list[tuple[Role, str]]]:
    line: list[tuple[Role, str]] = []
    for role, text in pieces:
        first, *others = text.split("\n")
        line.append((role, first))
        for other in others:
            yield line
            line = [(role, other)]
    yield line


def _row(pieces: Iterable[tuple[Role, str]]) -> Line:
    """One row, neighbours of a kind together."""
    spans: list[Span] = []
    left = LINE_CHARACTERS_MAX
    for role, group in groupby((piece for piece in pieces if piece[1]), itemgetter(0)):
        text = "".join(map(itemgetter(1), group))
        spans.append(Span(visible(text[:left]), role))
        left -= len(text)
        if left < 0:
            return (*spans, _CUT)
    return tuple(spans) or _EMPTY


class _Roles:
    """What Pygments' kinds of tokens are here; a kind is what the nearest one above it is."""

    def __init__(self, known: Mapping[Any, Role]) -> None:
        self._known = dict(known)

    def of(self, kind: Any) -> Role:
        role = self._known.get(kind)
        if role is None:
            role = self._known[kind] = Role.TEXT if kind.parent is None else self.of(kind.parent)
        return role


@cache
def _roles() -> _Roles:
    from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, String

    known = {
        Comment: Role.COMMENT,
        Comment.Preproc: Role.KEYWORD,
        Comment.PreprocFile: Role.STRING,
        Keyword: Role.KEYWORD,
        Keyword.Type: Role.TYPE,
        Literal: Role.NUMBER,
        Name.Attribute: Role.KEYWORD,
        Name.Class: Role.TYPE,
        Name.Constant: Role.NUMBER,
        Name.Function: Role.NAME,
        Name.Label: Role.NAME,
        Name.Namespace: Role.TYPE,
        Number: Role.NUMBER,
        Operator.Word: Role.KEYWORD,
        String: Role.STRING,
    }
    return _Roles(known)
