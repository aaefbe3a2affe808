"""Guests for the tests of what panes show: made by hand, or real and standing somewhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from replay.player.locations import parse_location
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.symbols import Symbol, Symbols
from replay.player.timeline import Timeline
from replay.tui.model.rows import Rows, plain
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

NAMES = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))


class Guest:
    """Some registers, and pieces of memory by their addresses."""

    def __init__(self, memory: Mapping[int, bytes], **registers: int) -> None:
        self.memory = memory
        self._registers = dict.fromkeys((*NAMES, "rip"), 0) | {"rflags": 2, "cs": 8} | registers

    def registers(self) -> dict[str, int]:
        return self._registers

    def read(self, address: int, size: int) -> bytes | None:
        for start, data in self.memory.items():
            if start <= address <= start + len(data) - size:
                return data[address - start : address - start + size]
        return None


class Named(Symbols):
    """Names of no file."""

    def __init__(self, functions: Sequence[Symbol] = (), variables: Sequence[Symbol] = ()) -> None:
        super().__init__(b"")
        self.__dict__["_functions"] = sorted(functions)
        self.__dict__["_all_variables"] = sorted(variables)


@contextmanager
def standing_at(recorder: Recorder, program: str, *places: str) -> Iterator[Timeline]:
    """A recorded guest that has come to one place after the other."""
    with open_trace(recorder.record(program).path) as trace:
        timeline = Timeline(trace)
        try:
            symbols = Symbols(timeline.guest)
            for place in places:
                breaks = [Break(address) for address in parse_location(place, symbols)]
                stop = timeline.run(Direction.FORWARD, Wanted(breaks=breaks))
                assert stop.why is Why.BREAK
            yield timeline
        finally:
            timeline.close()


def stripped(guest: bytes, folder: Path, *, how: str = "--strip-all") -> bytes:
    """The same guest without names."""
    path = folder / "stripped"
    path.write_bytes(guest)
    subprocess.run(["strip", how, path], check=True, timeout=60)
    return path.read_bytes()


def texts(rows: Rows) -> list[str]:
    """All rows as plain text, each checked to be visible."""
    lines = [rows.line(index) for index in range(len(rows))]
    assert all(span.text.isprintable() for line in lines for span in line)
    return [plain(line).rstrip() for line in lines]
