"""Makes the traces of the corpus, and the text that every trace of it must give.

    python -m tests.golden.make_corpus make FOLDER    write all traces to FOLDER
    python -m tests.golden.make_corpus render         write NAME.txt here for all traces

The synthetic traces are the same wherever they are made. Those of `recorded.py` hold a guest, so
they depend on the compiler. A trace in traces/corpus is never made anew once a release has written
its format version: traces of old versions stay and must be read for ever.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import (
    READ_TSC,
    READ_TSCP,
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    TscReading,
)
from monitors.manifest import AttachedBlock, AttachedNet
from traces.compare import header_leaves
from traces.events import KNOWN, RecordedResult, describe_result
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.reader import Trace, open_trace
from traces.summary import Outcome, Summary, summary_to_map
from traces.writer import TraceWriter

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "traces" / "corpus"
GUEST = b"\x7fELF, or at least as long as this is not looked at. " * 8
EPOCH_NS = 1_790_000_000_000_000_000


def _header(name: str, *, embedded: bool, boot: BootInfo) -> Header:
    digest = hashlib.sha256(GUEST).digest()
    return Header(
        created_by="solo5-replay 0.1.0",
        guest=GuestInfo(name, "hvt", 2, digest, len(GUEST), embedded),
        machine=MachineInfo("hvt", "unicorn", 16 << 20, 3_000_000_000, {"name": "fixed"}),
        boot=boot,
    )


def every_call() -> Iterator[tuple[Call, RecordedResult]]:
    """Each call at least once, readings that go back and jump, all ways to answer a read."""
    yield ConsoleWrite(b"hello, "), DONE
    yield ConsoleWrite(b"world\n"), DONE
    for step in (0, 1, 1_000, 70_000, 65, 10**10, -5_000):
        yield WALL_CLOCK, ClockReading(EPOCH_NS + step)
        yield MONOTONIC_CLOCK, ClockReading(5_000_000 + step)
        yield READ_TSC, TscReading(15_000_000 + 3 * step)
    yield READ_TSC, TscReading(0)
    yield READ_TSC, TscReading(2**64 - 1)
    yield READ_TSCP, TscReading(2**63, 7)
    yield READ_TSCP, TscReading(1, 0)
    yield BlockRead(1, 0, 512), BlockData(0, bytes(range(256)) * 2)
    yield BlockRead(1, 1 << 40, 512), BlockData(2, b"")
    yield BlockWrite(1, 512, b"\xa5" * 512), IoStatus(0)
    yield BlockRead(1, 512, 512), KNOWN
    yield Poll(1_000_000_000), PollResult(0b100)
    yield NetRead(2, 1514), NetFrame(0, bytes.fromhex("ffffffffffff0242ac1100020806") + b"?")
    yield NetRead(2, 1514), NetFrame(1, b"")
    yield NetWrite(2, bytes(60)), IoStatus(0)
    yield Poll(2**64 - 1), PollResult(0)
    yield SetTimer(5_001_000), DONE
    yield WaitReady(-1), ReadySet(0, timer_fired=True)
    yield WaitReady(10), ReadySet(0b100, timer_fired=False)
    yield SetTimer(0), DONE
    yield RandomWord(seed=False, bits=64), RandomReading(0x0123456789ABCDEF)
    yield RandomWord(seed=True, bits=16), RandomReading(0xBEEF)
    yield Cpuid(0, 0), CpuidReading(22, 0x756E6547, 0x6C65746E, 0x49656E69)
    yield Misuse(MisuseKind.INVALID_HYPERCALL, "port 0x5ff"), DONE
    yield Halt(-1, b"cr2 and so on"), DONE


def make_every_call(path: Path) -> None:
    """A finished trace with all kinds of events and blocks, its guest embedded."""
    devices = (
        AttachedBlock(1, "storage", 1 << 20, 512),
        AttachedNet(2, "service0", bytes.fromhex("0242ac110002"), 1500),
    )
    header = _header("every-call", embedded=True, boot=BootInfo(b"one two", devices))
    with TraceWriter(path, header, GUEST, flush_interval_s=None, clock=_no_clock) as writer:
        for index, crossing in enumerate(every_call()):
            writer.append(*crossing)
            writer.digest(index, index.to_bytes(8), (index * 7).to_bytes(8))
            if index % 12 == 11:
                writer.flush()
        writer.finish(Summary(Outcome.HALTED, status=-1, console_bytes=13, instructions=9))


def make_example(path: Path) -> None:
    """The trace that docs/trace-format.md explains byte by byte."""
    header = _header("hello", embedded=False, boot=BootInfo(b"hi"))
    with TraceWriter(path, header, None, flush_interval_s=None, clock=_no_clock) as writer:
        writer.append(WALL_CLOCK, ClockReading(EPOCH_NS))
        writer.append(WALL_CLOCK, ClockReading(EPOCH_NS + 1_000))
        writer.append(ConsoleWrite(b"hello\n"), DONE)
        writer.append(Halt(0), DONE)
        writer.finish(Summary(Outcome.HALTED, console_bytes=6))


SYNTHETIC = {"every-call-1.0.mp": make_every_call, "example-1.0.mp": make_example}


def render(trace: Trace) -> str:
    """Everything that a trace says, as text."""
    lines = [f"{name} = {value}" for name, value in header_leaves(trace.header).items()]
    lines += [f"{e.index} {e.call} -> {describe_result(e.result)}" for e in trace.events()]
    lines += [f"digest {d.event} {d.registers.hex()} {d.memory.hex()}" for d in trace.digests()]
    summary = {} if trace.summary is None else summary_to_map(trace.summary)
    lines += [f"{name} = {value!r}" for name, value in summary.items()]
    return "\n".join(lines) + "\n"


def _no_clock() -> float:
    return 0.0


def main(arguments: list[str]) -> None:
    """Do what the module's first lines say."""
    match arguments:
        case ["make", folder]:
            from tests.golden.recorded import RECORDED

            for name, make in (SYNTHETIC | RECORDED).items():
                make(Path(folder) / name)
        case ["render"]:
            for path in sorted(CORPUS.glob("*.mp")):
                with open_trace(path) as trace:
                    (HERE / f"{path.stem}.txt").write_text(render(trace))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
