"""Line coverage as a tracefile of lcov (geninfo(1), FILES): for genhtml, and what shows coverage in
editors and on the web."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from replay.export.words import one_line
from replay.player.executed import Executed
from replay.player.symbols import Symbol, Symbols

FindSource = Callable[[str, str], str]
"""The file that a path in the debug information means, which starts from the given folder."""


@dataclass(slots=True)
class _File:
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class Coverage:
    """How often each line of a guest's sources was executed.

    In one function, a line counts as the most executed of the instructions does with which code of
    the line begins; the numbers of several functions, into which it may be inlined, are added.
    Lines without code of their own are in no list.
    """

    def __init__(self, executed: Executed, symbols: Symbols, find: FindSource) -> None:
        self._executed = executed
        self._symbols = symbols
        self._find = find
        self._files: dict[str, _File] = defaultdict(_File)
        self._paths: dict[tuple[str, str], str] = {}
        for functions in _by_address(symbols).values():
            self._add(functions)

    @property
    def lines(self) -> tuple[int, int]:
        """How many lines were executed, and how many there are."""
        counts = [count for file in self._files.values() for count in file.lines.values()]
        return sum(map(bool, counts)), len(counts)

    @property
    def functions(self) -> tuple[int, int]:
        """The same for functions."""
        counts = [called for file in self._files.values() for _, called in file.functions.values()]
        return sum(map(bool, counts)), len(counts)

    def tracefile(self) -> bytes:
        """All files, in order of their paths; empty where nothing is known of source lines."""
        records = (_record(path, self._files[path]) for path in sorted(self._files))
        return "".join(line + "\n" for record in records for line in record).encode(
            "utf-8", "replace"
        )

    def _add(self, functions: list[Symbol]) -> None:
        """Functions at one address, which are several names for one."""
        function, *elsewhere = self._symbols.whole(functions[0])
        if function.address != functions[0].address:
            return  # a part that belongs to another one
        folder = self._symbols.compiled_in(function.address)
        most: dict[tuple[str, int], int] = {}
        for row in (row for part in (function, *elsewhere) for row in self._symbols.rows(part)):
            key = self._path(row.path, folder), row.line
            if row.line:
                most[key] = max(most.get(key, 0), self._executed.count(row.address))
        for (path, line), count in most.items():
            self._files[path].lines[line] += count
        first = self._symbols.row_at(function.address)
        if first is not None and first.line:
            count = self._executed.count(function.address)
            named = self._files[self._path(first.path, folder)].functions
            for each in functions:
                named[_free(one_line(each.name), named)] = first.line, count

    def _path(self, path: str, folder: str) -> str:
        key = path, folder
        if key not in self._paths:
            self._paths[key] = one_line(self._find(path, folder))
        return self._paths[key]


def _by_address(symbols: Symbols) -> dict[int, list[Symbol]]:
    found: dict[int, list[Symbol]] = defaultdict(list)
    for function in symbols.all_functions():
        found[function.address].append(function)
    return found


def _free(name: str, taken: dict[str, tuple[int, int]]) -> str:
    """A name of a function that no other one of the file has."""
    number, wanted = 1, name
    while name in taken:
        number += 1
        name = f"{wanted}.{number}"
    return name


def _record(path: str, file: _File) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{path}"
    functions = sorted(file.functions.items(), key=lambda item: (item[1][0], item[0]))
    for name, (line, _) in functions:
        yield f"FN:{line},{name}"
    for name, (_, count) in functions:
        yield f"FNDA:{count},{name}"
    yield f"FNF:{len(functions)}"
    yield f"FNH:{sum(bool(count) for _, (_, count) in functions)}"
    for line, count in sorted(file.lines.items()):
        yield f"DA:{line},{count}"
    yield f"LF:{len(file.lines)}"
    yield f"LH:{sum(map(bool, file.lines.values()))}"
    yield "end_of_record"
