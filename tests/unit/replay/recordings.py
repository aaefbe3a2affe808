"""Recordings of real guests under the scripted source, for the tests of what works with them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.console import ConsoleWrite
from monitors.elf import read_image
from replay.engines.ports import Engine
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.machine.ports import Observer, Source
from replay.recorder.session import REPRODUCIBLE_PACE, Pace, Recorded, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import BlockCase, Case, NetCase, find_program

TARGET = "hvt"


@dataclass(frozen=True, slots=True)
class Recording:
    """A trace, what was booted, and what came of it."""

    path: Path
    plan: MachinePlan
    recorded: Recorded


def new_engine() -> Engine:
    """The engine that is the same everywhere."""
    return engine_factory(COUNTING_ENGINE)()


class _Stop:
    """An observer that stops a machine when the guest has printed ``text``."""

    def __init__(self, machine: Machine, text: bytes) -> None:
        self._machine = machine
        self._text = text

    def crossed(self, _index: int, call: Call, _result: Result) -> None:
        if isinstance(call, ConsoleWrite) and self._text in call.data:
            self._machine.engine.interrupt()


class Recorder:
    """Records programs into ``folder``; every recording is a new file."""

    def __init__(self, folder: Path, shelf: GuestShelf) -> None:
        self._folder = folder
        self._shelf = shelf
        self._numbers = count()

    def guest(self, program: str, target: str = TARGET) -> bytes:
        """A program's whole ELF file; the test is skipped where there is no compiler."""
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed: apt-get install gcc binutils")
        return self._shelf.guest(find_program(program), target)

    def plan(self, program: str, *args: str, blocks: int = 0, nets: int = 0) -> MachinePlan:
        """What to boot; ``blocks`` and ``nets`` count the program's devices of each kind."""
        case = _case(args, blocks, nets)
        return case_plan(case, self.guest(program), f"{program}.{TARGET}")[0]

    def machine(self, plan: MachinePlan) -> Machine:
        """A machine booted for ``plan``."""
        return boot_machine(plan, new_engine())

    def record(
        self,
        program: str,
        *args: str,
        source: Source | None = None,
        embed: bool = True,
        pace: Pace = REPRODUCIBLE_PACE,
        observers: Sequence[Observer] = (),
        changed: dict[str, object] | None = None,
        stop_at: bytes | None = None,
    ) -> Recording:
        """A run to its end, or until the guest has printed ``stop_at``; ``changed`` fields of the
        plan take other values."""
        plan = replace(self.plan(program, *args), **(changed or {}))  # type: ignore[arg-type]
        world = source or scripted_world(_case(args, 0, 0), plan)
        return self._record(plan, world, embed, pace, observers, stop_at)

    def record_case(self, program: str, number: int = 0) -> Recording:
        """One of the cases that a program comes with, with its devices."""
        case = find_program(program).cases(TARGET)[number]
        plan = case_plan(case, self.guest(program), f"{program}.{TARGET}")[0]
        return self._record(plan, scripted_world(case, plan))

    def record_plan(self, plan: MachinePlan, source: Source) -> Recording:
        """What is booted for ``plan``, in another world."""
        return self._record(plan, source)

    def _record(
        self,
        plan: MachinePlan,
        world: Source,
        embed: bool = True,
        pace: Pace = REPRODUCIBLE_PACE,
        observers: Sequence[Observer] = (),
        stop_at: bytes | None = None,
    ) -> Recording:
        machine = self.machine(plan)
        image = read_image(plan.guest, name=plan.guest_name)
        header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test", embed=embed)
        path = self._folder / f"{next(self._numbers)}.mp"
        watchers = observers if stop_at is None else (*observers, _Stop(machine, stop_at))
        try:
            recorded = record(machine, world, path, header, pace=pace, observers=watchers)
        finally:
            machine.close()
        return Recording(path, plan, recorded)


def _case(args: tuple[str, ...], blocks: int, nets: int) -> Case:
    return Case(
        name="a run",
        args=args,
        status=0,
        expected="",
        blocks={"storage": BlockCase(1 << 20)} if blocks else {},
        nets={
            f"service{number}": NetCase(bytes((2, 0, 0, 0, 0, number))) for number in range(nets)
        },
    )
