"""Guests for the tests of what panes show: made by hand, or real and standing somewhere."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from replay.engines.registry import COUNTING_ENGINE
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.player.locations import parse_location
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.symbols import Symbol, Symbols
from replay.player.timeline import Timeline
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import case_plan, scripted_world
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Case, find_program
from replay.tui.model.rows import Rows, plain
from tests.unit.replay.recordings import Recorder, new_engine
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
    with replayed_to(recorder.record(program).path, *places) as timeline:
        yield timeline


@contextmanager
def replayed_to(path: Path, *places: str) -> Iterator[Timeline]:
    """The guest of a trace that has come to one place after the other."""
    with open_trace(path) as trace:
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


@contextmanager
def built_and_standing_at(
    folder: Path, program: str, target: str, optimization: str, *places: str
) -> Iterator[Timeline]:
    """The same for a guest of a target that is built at a level of optimization."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    name = f"{program}.{target}"
    request = replace(
        find_program(program).request(target, folder / name), optimization=optimization
    )
    guest = build_guest(request).read_bytes()
    case = Case(name="a run", args=(), status=0, expected="", blocks={}, nets={})
    plan, image = case_plan(case, guest, name)
    machine = boot_machine(plan, new_engine(), image)
    header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test")
    path = folder / f"{program}.mp"
    try:
        record(machine, scripted_world(case, plan), path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()
    with replayed_to(path, *places) as timeline:
        yield timeline
