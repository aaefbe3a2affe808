"""Strategies and values shared by the tests of traces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

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
from traces.events import KNOWN, RecordedResult
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

Crossing = tuple[Call, RecordedResult]

_U64 = st.integers(0, 2**64 - 1)
_U32 = st.integers(0, 2**32 - 1)
_I32 = st.integers(-(2**31), 2**31 - 1)
_DATA = st.binary(max_size=200)
_FAILED = st.integers(1, 3)


@st.composite
def _block_reads(draw: st.DrawFn) -> Crossing:
    data = draw(_DATA)
    call = BlockRead(draw(_U64), draw(_U64), len(data))
    failed = BlockData(draw(_FAILED), b"")
    return call, draw(st.sampled_from([BlockData(0, data), failed, KNOWN]))


@st.composite
def _net_reads(draw: st.DrawFn) -> Crossing:
    data = draw(_DATA)
    call = NetRead(draw(_U64), draw(st.integers(len(data), 2**64 - 1)))
    return call, draw(st.sampled_from([NetFrame(0, data), NetFrame(draw(_FAILED), b"")]))


@st.composite
def _random_words(draw: st.DrawFn) -> Crossing:
    bits = draw(st.sampled_from([16, 32, 64]))
    return RandomWord(draw(st.booleans()), bits), RandomReading(draw(st.integers(0, 2**bits - 1)))


_STATUS = st.builds(IoStatus, st.integers(0, 3))
_MISUSES = st.builds(Misuse, st.sampled_from(MisuseKind), st.text(max_size=40))

_CROSSINGS: SearchStrategy[Crossing] = st.one_of(
    st.tuples(st.just(WALL_CLOCK), st.builds(ClockReading, _U64)),
    st.tuples(st.just(MONOTONIC_CLOCK), st.builds(ClockReading, _U64)),
    st.tuples(st.builds(ConsoleWrite, _DATA), st.just(DONE)),
    st.tuples(st.builds(Poll, _U64), st.builds(PollResult, _U64)),
    st.tuples(st.builds(SetTimer, _U64), st.just(DONE)),
    st.tuples(st.builds(WaitReady, _I32), st.builds(ReadySet, _U64, st.booleans())),
    _block_reads(),
    st.tuples(st.builds(BlockWrite, _U64, _U64, _DATA), _STATUS),
    _net_reads(),
    st.tuples(st.builds(NetWrite, _U64, _DATA), _STATUS),
    st.tuples(st.builds(Halt, _I32, _DATA), st.just(DONE)),
    st.tuples(_MISUSES, st.just(DONE)),
    st.tuples(st.just(READ_TSC), st.builds(TscReading, _U64)),
    st.tuples(st.just(READ_TSCP), st.builds(TscReading, _U64, _U32)),
    _random_words(),
    st.tuples(st.builds(Cpuid, _U32, _U32), st.builds(CpuidReading, _U32, _U32, _U32, _U32)),
)


@pytest.fixture(scope="session")
def crossings() -> SearchStrategy[Crossing]:
    """Any call with any result that it can have."""
    return _CROSSINGS


GUEST = bytes(range(256)) * 40 + b"the end"
GUEST_SHA256 = hashlib.sha256(GUEST).digest()


@pytest.fixture(scope="session")
def guest() -> bytes:
    """Something to embed."""
    return GUEST


@pytest.fixture(scope="session")
def make_header() -> Callable[..., Header]:
    """A function that gives a full header, with ``embedded`` as asked."""

    def make(*, embedded: bool = False, command_line: bytes = b"hello --flag") -> Header:
        return Header(
            created_by="solo5-replay 0.1.0",
            guest=GuestInfo(
                "hello.hvt", "hvt", 2, hashlib.sha256(GUEST).digest(), len(GUEST), embedded
            ),
            machine=MachineInfo(
                "hvt", "unicorn", 512 << 20, 3_000_000_000, {"leaves": [[0, 0, 1]]}
            ),
            boot=BootInfo(
                command_line,
                (
                    AttachedBlock(1, "storage", 1 << 20, 512, 5),
                    AttachedNet(2, "service", bytes.fromhex("0242ac110002"), 1500),
                ),
            ),
            options={"seed": 1},
        )

    return make


RUN: tuple[Crossing, ...] = (
    (WALL_CLOCK, ClockReading(1_790_000_000_000_000_000)),
    (MONOTONIC_CLOCK, ClockReading(1_000_000)),
    (ConsoleWrite(b"hello\n"), DONE),
    (READ_TSC, TscReading(3_000_000)),
    (BlockRead(1, 0, 512), BlockData(0, bytes(range(256)) * 2)),
    (BlockWrite(1, 512, b"x" * 512), IoStatus(0)),
    (BlockRead(1, 512, 512), KNOWN),
    (Poll(1_000_000_000), PollResult(4)),
    (NetRead(2, 1514), NetFrame(0, b"frame")),
    (NetWrite(2, b"answer"), IoStatus(0)),
    (RandomWord(seed=True, bits=64), RandomReading(2**63)),
    (Cpuid(1, 0), CpuidReading(1, 2, 3, 4)),
    (WALL_CLOCK, ClockReading(1_790_000_000_000_050_000)),
    (READ_TSCP, TscReading(3_100_000, 1)),
    (Misuse(MisuseKind.INVALID_POINTER, "at 0x10"), DONE),
    (Halt(7, b"cookie"), DONE),
)

HALTED = Summary(Outcome.HALTED, status=7, console_bytes=6)


def no_clock() -> float:
    """For writers without a flusher, which have no use for the time."""
    return 0.0


@pytest.fixture(scope="session")
def run() -> tuple[Crossing, ...]:
    """A run with every kind of call that an hvt guest makes."""
    return RUN


@pytest.fixture
def make_trace(tmp_path: Path, make_header: Callable[..., Header]) -> Callable[..., Path]:
    """A function that writes a trace: blocks of ``per_block`` events, no ending without summary."""
    names = (tmp_path / f"{number}.mp" for number in count())

    def make(
        crossings: Sequence[Crossing] = RUN,
        *,
        embedded: bool = True,
        per_block: int = 5,
        digests: bool = False,
        summary: Summary | None = HALTED,
        **header: object,
    ) -> Path:
        path = next(names)
        about = make_header(embedded=embedded, **header)
        data = GUEST if embedded else None
        with TraceWriter(path, about, data, flush_interval_s=None, clock=no_clock) as writer:
            for index, crossing in enumerate(crossings):
                writer.append(*crossing)
                if digests:
                    writer.digest(index, b"r%07d" % index, b"m%07d" % index)
                if index % per_block == per_block - 1:
                    writer.flush()
            if summary is not None:
                writer.finish(summary)
        return path

    return make
