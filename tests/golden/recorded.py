"""The golden traces of real guests: what was recorded, and how it can be done again.

Recording again gives other files wherever the compiler is another one, since the guest is in them.
The corpus keeps those of the day, and a replay needs nothing else.
"""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from replay.engines.registry import choose_engine, engine_factory
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import case_plan
from replay.testing.source import ScriptedSource
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Case, Program, find_program

GUESTS = Path(__file__).parent / "guests"


def record_hello(path: Path) -> None:
    """The first program, with its DWARF."""
    program = find_program("hello")
    _record(path, program, _case(program, "hello"), debug=True)


def record_devices(path: Path) -> None:
    """Every call, and every kind of answer."""
    program = Program("devices", GUESTS / "devices")
    _record(path, program, _case(program, "devices"))


def record_trap(path: Path) -> None:
    """A guest that ends in its own trap handler: registers in the console, a status of 255."""
    program = find_program("exception")
    _record(path, program, _case(program, "default"))


def record_misuse(path: Path) -> None:
    """A guest that its monitor ended."""
    program = find_program("faults")
    _record(path, program, _case(program, "badptr"))


RECORDED: dict[str, Callable[[Path], None]] = {
    "devices-1.0.mp": record_devices,
    "hello-1.0.mp": record_hello,
    "misuse-1.0.mp": record_misuse,
    "trap-1.0.mp": record_trap,
}


def _case(program: Program, name: str) -> Case:
    found = next(case for case in program.cases() if case.name == name)
    return dataclasses.replace(found, mem_mib=2)


def _record(path: Path, program: Program, case: Case, *, debug: bool = False) -> None:
    plan, image = case_plan(case, _guest(program, debug=debug), f"{program.name}.hvt")
    handles = {device.name: device.handle for device in plan.attachments}
    source = ScriptedSource(
        cpu=plan.cpu,
        disks={handles[n]: bytearray(range(256)) * 16 for n in case.blocks},
        frames={handles[name]: list(net.received) for name, net in case.nets.items()},
    )
    name = choose_engine("auto")
    machine = boot_machine(plan, engine_factory(name)(), image)
    header = header_of(plan, image, engine=name, created_by="solo5-replay 0.1.0")
    try:
        record(machine, source, path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()


def _guest(program: Program, *, debug: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = build_guest(program.request("hvt", Path(folder) / "guest.hvt"))
        if not debug:
            subprocess.run(["objcopy", "--strip-all", str(path)], check=True)
        return path.read_bytes()
