"""Places in a guest's code as people write them: ``pay``, ``main.c:120``, ``*0x100020``.

The places are those that gdb chooses for the same words, but for one: an inlined call begins where
the processor begins it, not at the first of its instructions in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from replay.player.debug_lines import Row
from replay.player.errors import PlayerError
from replay.player.symbols import Symbols

LOCATION_CHARACTERS_MAX = 1000

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")
_ADDRESS = re.compile(r"(?P<base>[^+\s]+)(?:\s*\+\s*(?P<offset>\w+))?")
_LINE = re.compile(r"(?P<where>.*):\s*(?P<line>[0-9]{1,9})")
_NEAREST_MAX = 3


class BadLocation(PlayerError):
    """A place that a guest does not have; ``nearest`` are names that may be meant."""

    def __init__(self, text: str, problem: str, nearest: Sequence[str] = ()) -> None:
        self.text = text
        self.nearest = tuple(nearest)
        hint = f"; is it {' or '.join(nearest)}?" if nearest else ""
        super().__init__(f"{text!r}: {problem}{hint}")


def parse_location(text: str, symbols: Symbols, *, here: int | None = None) -> list[int]:
    """The addresses that a place is at, in ascending order, at least one.

    ``FUNCTION``, ``FILE:LINE``, ``FUNCTION:LINE``, ``*ADDRESS``, ``*FUNCTION`` and
    ``*FUNCTION+OFFSET``; ``LINE`` alone is of the file of the instruction at ``here``. Raises
    ``BadLocation``.
    """
    text = text.strip()
    if not text or len(text) > LOCATION_CHARACTERS_MAX:
        raise BadLocation(text[:20], "a place is a function, FILE:LINE or *ADDRESS")
    if text.startswith("*"):
        return [_address(text, symbols)]
    if text.isdecimal():
        return _of_line_here(text, symbols, here)
    line = _LINE.fullmatch(text)
    if line is not None:
        return _of_line(text, line["where"].strip(), int(line["line"]), symbols)
    if _NUMBER.fullmatch(text):
        return [int(text, 16)]
    return _of_function(text, symbols)


def _address(text: str, symbols: Symbols) -> int:
    parts = _ADDRESS.fullmatch(text[1:].strip())
    if parts is None:
        raise BadLocation(text, "an address is a number or a function, and + an offset")
    offset = parts["offset"] or "0"
    if not _NUMBER.fullmatch(offset):
        raise BadLocation(text, f"the offset {offset!r} is not a number")
    base = parts["base"]
    if _NUMBER.fullmatch(base):
        return (int(base, 0) + int(offset, 0)) % (1 << 64)
    functions = symbols.functions(base)
    if len(functions) != 1:
        problem = "several functions are named so" if functions else "there is no such function"
        raise BadLocation(text, problem, () if functions else _nearest_functions(base, symbols))
    return functions[0].address + int(offset, 0)


def _of_function(name: str, symbols: Symbols) -> list[int]:
    own = [symbols.body(function) for function in symbols.functions(name)]
    inlined = [scope.entry for scope in symbols.inlined(name)]
    if not own and not inlined:
        raise BadLocation(name, "there is no such function", _nearest_functions(name, symbols))
    return sorted({*own, *inlined})


def _of_line_here(text: str, symbols: Symbols, here: int | None) -> list[int]:
    row = None if here is None else symbols.row_at(here)
    if row is None:
        raise BadLocation(text, "a line alone needs a file; say FILE:LINE")
    return _of_line(text, row.path, int(text), symbols)


def _of_line(text: str, where: str, line: int, symbols: Symbols) -> list[int]:
    rows: Iterable[Row] = symbols.rows_of_file(where)
    if not rows and symbols.functions(where):
        rows = [row for function in symbols.functions(where) for row in symbols.rows(function)]
    if not rows:
        raise _unknown_file(text, where, symbols)
    found = set(_first_of_scopes(_nearest_line(rows, line), symbols))
    if not found:
        raise BadLocation(text, f"there is no code at line {line} or behind it")
    return sorted(found)


def _unknown_file(text: str, where: str, symbols: Symbols) -> BadLocation:
    paths = symbols.paths()
    files = {path.rpartition("/")[2] for path in paths}
    if any(path == where or path.endswith("/" + where) for path in paths):
        return BadLocation(text, f"there is no code from {where}")
    nearest = get_close_matches(where, {*files, *symbols.function_names()}, _NEAREST_MAX)
    problem = f"no source file or function is named {where!r}"
    return BadLocation(text, problem if paths else f"{problem}: it has no source lines", nearest)


def _nearest_line(rows: Iterable[Row], line: int) -> list[Row]:
    """The statements of a line, or of the next one that has any."""
    later = [row for row in rows if row.is_statement and row.line >= line]
    first = min((row.line for row in later), default=0)
    return [row for row in later if row.line == first]


def _first_of_scopes(rows: Iterable[Row], symbols: Symbols) -> Iterator[int]:
    """One place for each function, inlined call or block that the line is in."""
    seen = set()
    for row in rows:
        function = symbols.function_at(row.address)
        scopes = symbols.scopes(row.address)
        scope = id(scopes[-1]) if scopes else function
        if scope in seen:
            continue
        seen.add(scope)
        is_entry = function is not None and function.address == row.address
        yield symbols.body(function) if function is not None and is_entry else row.address


def _nearest_functions(name: str, symbols: Symbols) -> list[str]:
    return get_close_matches(name, symbols.function_names(), _NEAREST_MAX)
