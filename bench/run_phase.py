"""One guest's run, alone: `python -m bench.run_phase ENGINE MODE GUEST TRACE [ARGUMENTS]`.

Prints what the run itself took as JSON, without start-up: MODE is `plain` (same engine, machine,
door and live devices, nothing recorded: the baseline), `record`, `replay`, `bare` (Unicorn without
the engine), or `blocks` (the same, with translated blocks instead of crossings counted). The
guest's console goes to /dev/null. Where the guest is a process of its own, its time counts too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from monitors.vcpu import virtual_cpu
from replay.devices.console import Console
from replay.devices.live import HostSide, LiveSource
from replay.devices.processor import NOMINAL_TSC_HZ
from replay.engines.registry import engine_factory
from replay.machine.ending import Halted
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.player.session import ReplaySession
from replay.recorder.session import record
from traces.reader import open_trace

MEM_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Phase:
    """What a run took: seconds of processor and of wall time, and its crossings."""

    cpu_s: float
    wall_s: float
    events: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A guest's file, its command line, and the name of the engine to run it on."""

    guest: Path
    arguments: str
    engine: str


def boot(subject: Subject) -> tuple[Machine, LiveSource]:
    """A machine that runs the guest and live devices for it, as solo5-record makes them."""
    cpu = virtual_cpu("westmere")
    plan = MachinePlan(
        guest=subject.guest.read_bytes(),
        guest_name=subject.guest.name,
        mem_size=MEM_BYTES,
        tsc_hz=NOMINAL_TSC_HZ,
        cpu=cpu,
        command_line=subject.arguments.encode(),
    )
    console = Console(os.open(os.devnull, os.O_WRONLY))
    machine = boot_machine(plan, engine_factory(subject.engine)())
    return machine, LiveSource(cpu, NOMINAL_TSC_HZ, HostSide(console=console))


def run_plain(subject: Subject) -> Phase:
    """The guest, with nothing written down."""
    interposer = Interposer(*boot(subject))
    return _timed(lambda: (interposer.run(), interposer.events))


def run_record(subject: Subject, trace: Path) -> Phase:
    """The guest, recorded into ``trace``, until the trace is complete."""
    machine, source = boot(subject)
    engine = subject.engine
    header = header_of(machine.plan, machine.image, engine=engine, created_by="bench")

    def run() -> tuple[object, int]:
        recorded = record(machine, source, trace, header)
        return recorded.ending, recorded.events

    return _timed(run)


def run_replay(trace: Path, engine: str) -> Phase:
    """The guest again, with every crossing verified."""
    session = ReplaySession(open_trace(trace), engine_factory(engine)())

    def run() -> tuple[object, int]:
        replayed = session.run()
        return replayed.ending, replayed.position.event

    return _timed(run)


def run_bare(guest: Path, *, count_blocks: bool) -> Phase:
    """The guest under nothing but Unicorn."""
    from bench.bare import BareRun

    bare = BareRun(guest, MEM_BYTES, count_blocks=count_blocks)

    def run() -> tuple[object, int]:
        bare.run()
        return Halted(0), bare.blocks

    return _timed(run)


def _timed(run: Callable[[], tuple[object, int]]) -> Phase:
    cpu_s, wall_s = _processor_s(), time.perf_counter()
    ending, events = run()
    phase = Phase(_processor_s() - cpu_s, time.perf_counter() - wall_s, events)
    assert ending == Halted(0, ending.cookie if isinstance(ending, Halted) else b""), ending
    return phase


def _processor_s() -> float:
    """Processor time of this process and of its children, which an engine runs guests as."""
    children = Path("/proc/thread-self/children").read_text(encoding="ascii").split()
    return time.process_time() + sum(map(_processor_of, map(int, children)))


def _processor_of(process: int) -> float:
    """By the clock that Linux has for every process (CPUCLOCK_SCHED, linux/posix-timers.h)."""
    return time.clock_gettime(~process << 3 | 2)


def main() -> None:
    """Run one phase as the command line says."""
    engine, mode, guest, trace, *arguments = sys.argv[1:]
    subject = Subject(Path(guest), " ".join(arguments), engine)
    match mode:
        case "plain":
            phase = run_plain(subject)
        case "record":
            phase = run_record(subject, Path(trace))
        case "replay":
            phase = run_replay(Path(trace), engine)
        case "bare" | "blocks":
            phase = run_bare(subject.guest, count_blocks=mode == "blocks")
        case _:
            raise SystemExit(f"no such mode: {mode}")
    print(json.dumps(asdict(phase)))


if __name__ == "__main__":
    main()
