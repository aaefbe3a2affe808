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

from monitors.calls import Call, Result
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.ending import Halted
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.recorder.cadence import DigestCadence
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.recorder.source import Recording
from replay.testing.cases import case_plan
from replay.testing.source import ScriptedSource
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Case, Program, find_program
from traces.header import Header
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

GUESTS = Path(__file__).parent / "guests"
ENGINE = COUNTING_ENGINE
EVENTS_PER_BLOCK = 8
DIGEST_EVERY = 10


def record_hello(path: Path) -> None:
    """The first program, with its DWARF."""
    program = find_program("hello")
    _record(path, program, _case(program, "hello"), debug=True)


def record_devices(path: Path) -> None:
    """Every call and every kind of answer, in blocks of a few events, with several digests."""
    program = Program("devices", GUESTS / "devices")
    plan, machine, source = _boot(program, _case(program, "devices"), debug=False)
    header = _header(plan, machine)
    with TraceWriter(path, header, plan.guest, flush_interval_s=None, clock=_no_clock) as writer:
        recording = Recording(source, writer)
        cadence = DigestCadence(machine, writer, DIGEST_EVERY)
        interposer = Interposer(machine, recording, (cadence, _Cuts(writer)))
        ending = interposer.run()
        assert isinstance(ending, Halted)
        cadence.take(interposer.events - 1)
        console_bytes = recording.console_bytes
        writer.finish(Summary(Outcome.HALTED, status=ending.status, console_bytes=console_bytes))
    machine.close()


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


class _Cuts:
    """An observer that ends a block of events every few crossings."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        if index % EVENTS_PER_BLOCK == EVENTS_PER_BLOCK - 1:
            self._writer.flush()


def _case(program: Program, name: str) -> Case:
    found = next(case for case in program.cases() if case.name == name)
    return dataclasses.replace(found, mem_mib=2)


def _record(path: Path, program: Program, case: Case, *, debug: bool = False) -> None:
    plan, machine, source = _boot(program, case, debug=debug)
    try:
        record(machine, source, path, _header(plan, machine), pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()


def _boot(
    program: Program, case: Case, *, debug: bool
) -> tuple[MachinePlan, Machine, ScriptedSource]:
    plan, image = case_plan(case, _guest(program, debug=debug), f"{program.name}.hvt")
    handles = {device.name: device.handle for device in plan.attachments}
    source = ScriptedSource(
        cpu=plan.cpu,
        disks={handles[name]: bytearray(range(256)) * 16 for name in case.blocks},
        frames={handles[name]: list(net.received) for name, net in case.nets.items()},
    )
    return plan, boot_machine(plan, engine_factory(ENGINE)(), image), source


def _header(plan: MachinePlan, machine: Machine) -> Header:
    return header_of(plan, machine.image, engine=ENGINE, created_by="solo5-replay 0.1.0")


def _no_clock() -> float:
    return 0.0


def _guest(program: Program, *, debug: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = build_guest(program.request("hvt", Path(folder) / "guest.hvt"))
        if not debug:
            subprocess.run(["objcopy", "--strip-all", str(path)], check=True)
        return path.read_bytes()
