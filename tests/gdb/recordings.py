"""Recordings to debug: guest programs run once under the scripted source."""

from __future__ import annotations

from pathlib import Path

from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import find_program


class Recordings:
    """Made below ``folder`` when they are needed, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shelf = GuestShelf(folder)

    def trace(self, name: str, case: str = "", target: str = "hvt") -> Path:
        """The trace of a program's case; of its first one without a name."""
        path = self._folder / f"{name}-{case}.{target}.mp"
        if not path.exists():
            self._record(path, name, case, target)
        return path

    def guest(self, name: str, target: str = "hvt") -> Path:
        """A program's file."""
        path = self._folder / f"{name}.guest.{target}"
        path.write_bytes(self._shelf.guest(find_program(name), target))
        return path

    def _record(self, path: Path, name: str, case_name: str, target: str) -> None:
        program = find_program(name)
        case = next(each for each in program.cases() if case_name in ("", each.name))
        plan, image = case_plan(case, self._shelf.guest(program, target), f"{name}.{target}")
        machine = boot_machine(plan, engine_factory(COUNTING_ENGINE)(), image)
        header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="tests/gdb")
        try:
            record(machine, scripted_world(case, plan), path, header, pace=REPRODUCIBLE_PACE)
        finally:
            machine.close()
