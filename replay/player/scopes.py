"""Functions, inlined calls and blocks that code belongs to, from an ELF file's DWARF.

What has no instructions of its own in the file is left out. Units and tables beyond the limits here
count as having none of it: stepping then goes by lines alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay.player.debug_lines import SourceLines, span_of

UNIT_INFO_BYTES_MAX = 1 << 20
"""Of one unit's entries; each takes some ten microseconds to read and few bytes to write."""

_SEARCHED_INFO_BYTES_MAX = 4 << 20
_RANGES_BYTES_MAX = 1 << 20
_RANGES_MAX = 1 << 16
"""Of all scopes of a unit together, however often one list is named."""

_FOUND_MAX = 1 << 16
_ORIGINS_MAX = 4
_INLINED = "DW_TAG_inlined_subroutine"
_TAGS = ("DW_TAG_subprogram", _INLINED, "DW_TAG_lexical_block")


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A function, an inlined call of one, or a block, which has neither name nor call.

    ``entry`` is its first instruction in the order of execution. ``call_path`` and ``call_line``:
    where an inlined function is called.
    """

    name: str
    ranges: tuple[tuple[int, int], ...]
    entry: int
    parent: Scope | None
    is_inlined: bool = False
    call_path: str = ""
    call_line: int = 0

    def holds(self, address: int) -> bool:
        """Whether an instruction belongs to it."""
        return any(start <= address < end for start, end in self.ranges)

    def begins_at(self, address: int) -> bool:
        """Whether the processor enters it at an address."""
        return address == self.entry


class Scopes:
    """Looks scopes up, a unit at a time; methods raise whatever a broken file makes them raise."""

    def __init__(self, elf: Any, lines: SourceLines) -> None:
        self._dwarf = elf.get_dwarf_info(follow_links=False)
        self._lines = lines
        self._units: dict[int, list[Scope]] = {}
        self._inlined: dict[str, list[Scope]] | None = None
        self._found: dict[int, tuple[Scope, ...]] = {}
        ranges = (".debug_rnglists", ".debug_ranges")
        sections = filter(None, map(elf.get_section_by_name, ranges))
        self._has_ranges = sum(section.data_size for section in sections) <= _RANGES_BYTES_MAX

    def at(self, address: int) -> tuple[Scope, ...]:
        """All scopes around an instruction, outermost first."""
        if address not in self._found:
            if len(self._found) >= _FOUND_MAX:
                self._found.clear()
            self._found[address] = self._look_up(address)
        return self._found[address]

    def inlined(self, name: str) -> list[Scope]:
        """The inlined calls of a function, wherever there are."""
        if self._inlined is None:
            self._inlined = {}
            for scope in self._all_inlined():
                self._inlined.setdefault(scope.name, []).append(scope)
        return self._inlined.get(name, [])

    def inlined_within(self, start: int, end: int) -> list[Scope]:
        """The inlined calls that begin in an address range of one unit."""
        unit = self._lines.unit_at(start)
        known = [] if unit is None else self._of(unit)
        return [scope for scope in known if scope.is_inlined and start <= scope.entry < end]

    def _all_inlined(self) -> Iterator[Scope]:
        left = _SEARCHED_INFO_BYTES_MAX
        for unit in self._lines.units():
            left -= unit["unit_length"]
            if left < 0:
                return
            yield from (scope for scope in self._of(unit) if scope.is_inlined)

    def _look_up(self, address: int) -> tuple[Scope, ...]:
        unit = self._lines.unit_at(address)
        holding = () if unit is None else [s for s in self._of(unit) if s.holds(address)]
        chain: list[Scope] = []
        scope = holding[-1] if holding else None  # entries stand behind those around them
        while scope is not None:
            chain.append(scope)
            scope = scope.parent
        return tuple(reversed(chain))

    def _of(self, unit: Any) -> list[Scope]:
        offset = unit.cu_offset
        if offset not in self._units:
            fits = unit["unit_length"] <= UNIT_INFO_BYTES_MAX
            self._units[offset] = list(self._read(unit)) if fits else []
        return self._units[offset]

    def _read(self, unit: Any) -> Iterator[Scope]:
        known: dict[int, Scope] = {}
        paths = self._lines.unit_paths(unit)
        left = _RANGES_MAX
        for entry in unit.iter_DIEs():
            if entry.tag not in _TAGS:
                continue
            items = self._range_list(unit, entry.attributes)
            left -= len(items)
            if left < 0:
                return
            if ranges := tuple(_ranges(unit, items)):
                scope = _scope(entry, ranges, _around(entry, known), paths)
                known[entry.offset] = scope
                yield scope

    def _range_list(self, unit: Any, attributes: Any) -> list[Any]:
        """Where the code of an entry is: a span, or what its list of ranges has."""
        if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
            return [span_of(attributes)]
        if "DW_AT_ranges" in attributes and self._has_ranges:
            offset = attributes["DW_AT_ranges"].value
            found: list[Any] = self._dwarf.range_lists().get_range_list_at_offset(offset, cu=unit)
            return found
        return []


def _ranges(unit: Any, items: list[Any]) -> Iterator[tuple[int, int]]:
    """The spans of a list that are not empty (DWARF 5, 2.17.3)."""
    top = unit.get_top_DIE().attributes
    base = top["DW_AT_low_pc"].value if "DW_AT_low_pc" in top else 0
    for item in items:
        if hasattr(item, "base_address"):
            base = item.base_address
            continue
        start, end = item if type(item) is tuple else (item.begin_offset, item.end_offset)
        if start < end:
            moved = 0 if type(item) is tuple or getattr(item, "is_absolute", False) else base
            yield start + moved, end + moved


def _around(entry: Any, known: dict[int, Scope]) -> Scope | None:
    parent = entry.get_parent()
    while parent is not None and parent.offset not in known:
        parent = parent.get_parent()
    return None if parent is None else known[parent.offset]


def _scope(
    entry: Any, ranges: tuple[tuple[int, int], ...], parent: Scope | None, paths: list[str]
) -> Scope:
    attributes = entry.attributes
    entry_pc = attributes.get("DW_AT_entry_pc")
    is_address = entry_pc is not None and any(s <= entry_pc.value < e for s, e in ranges)
    first = entry_pc.value if is_address else ranges[0][0]
    if entry.tag != _INLINED:
        return Scope(_name(entry), ranges, first, parent)
    file, line = (attributes.get(f"DW_AT_call_{what}") for what in ("file", "line"))
    known = file is not None and 0 <= file.value < len(paths)
    path = paths[file.value] if known else ""
    return Scope(_name(entry), ranges, first, parent, True, path, line.value if line else 0)


def _name(entry: Any) -> str:
    """Its own, or that of what it is an instance of."""
    for _ in range(_ORIGINS_MAX):
        if "DW_AT_name" in entry.attributes:
            return str(entry.attributes["DW_AT_name"].value.decode("utf-8", "replace"))
        for origin in ("DW_AT_abstract_origin", "DW_AT_specification"):
            if origin in entry.attributes:
                entry = entry.get_DIE_from_attribute(origin)
                break
        else:
            break
    return ""
