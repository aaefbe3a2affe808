"""Frames of a guest's call stack, by the call frame information of its ELF file (DWARF 5, 6.4).

A frame is known by its canonical frame address: what RSP is in the caller when the call has
returned. It is the same from a function's first instruction to its last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from replay.player.frame_table import Description, FrameTable

ReadWord = Callable[[int], int | None]
"""Reads the 8-byte word at a guest address; None where there is no memory."""

_NAMES = {
    0: "rax",
    1: "rdx",
    2: "rcx",
    3: "rbx",
    4: "rsi",
    5: "rdi",
    6: "rbp",
    7: "rsp",
    **{number: f"r{number}" for number in range(8, 16)},
    16: "rip",
}
"""Of the numbers in the System V ABI for x86-64, figure 3.36."""

_ADDRESS_MASK = (1 << 64) - 1
_FRAME_BYTES_MAX = 64 << 10
"""Of one function's call frame information, each byte of which can stand for a row."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a function: its canonical frame address, where the code that describes itself
    together begins, and the caller's registers (``rip`` is the return address, 0 if there is none).
    """

    cfa: int
    start: int
    caller: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How to unwind from ``address`` on: the frame address, and where registers were saved."""

    address: int
    base: str
    offset: int
    saved: tuple[tuple[str, int], ...]


class CallFrames:
    """The call frame information of one file; methods raise whatever a broken one makes them."""

    def __init__(self, elf: Any) -> None:
        self._table = FrameTable(elf)
        self._rules: dict[int, list[_Rules]] = {}

    def cfa(self, registers: Mapping[str, int], pc: int | None = None) -> int | None:
        """The canonical frame address at the present instruction (or at ``pc``); None: unknown."""
        found = self._rules_at(registers["rip"] if pc is None else pc)
        if found is None:
            return None
        rules = found[1]
        cfa = (registers[rules.base] + rules.offset) & _ADDRESS_MASK
        # A caller's frame is above; anything else could go round in circles.
        return cfa if cfa > registers["rsp"] else None

    def frame(
        self, registers: Mapping[str, int], read_word: ReadWord, *, innermost: bool = True
    ) -> Frame | None:
        """The frame that ``registers`` are of; outer ones stand behind their call, which may be
        in another line or function than what is there."""
        pc = registers["rip"] - (0 if innermost else 1)
        found, cfa = self._rules_at(pc), self.cfa(registers, pc)
        if found is None or cfa is None:
            return None
        caller = {**registers, "rsp": cfa, "rip": 0}
        for name, offset in found[1].saved:
            word = read_word((cfa + offset) & _ADDRESS_MASK)
            if word is None:
                return None
            caller[name] = word
        return Frame(cfa, found[0], caller)

    def _rules_at(self, pc: int) -> tuple[int, _Rules] | None:
        known = self._table.descriptions
        index = bisect_right(known, pc, key=itemgetter(0)) - 1
        if index < 0 or pc >= known[index].start + known[index].size:
            return None
        start = known[index].start
        if start not in self._rules:
            self._rules[start] = self._decoded(known[index])
        rules = self._rules[start]
        row = bisect_right(rules, pc, key=lambda rule: rule.address) - 1
        return (start, rules[row]) if row >= 0 and rules[row].base else None

    def _decoded(self, description: Description) -> list[_Rules]:
        if self._table.size_of(description) > _FRAME_BYTES_MAX:
            return []
        return [_rules(row) for row in self._table.parsed(description).get_decoded().table]


def _rules(row: Mapping[Any, Any]) -> _Rules:
    saved = tuple(
        (_NAMES[number], rule.arg)
        for number, rule in row.items()
        if number in _NAMES and rule.type == "OFFSET"
    )
    cfa = row["cfa"]
    return _Rules(row["pc"], _NAMES.get(cfa.reg, ""), cfa.offset or 0, saved)
