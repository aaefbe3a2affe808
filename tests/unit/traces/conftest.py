"""Strategies and values shared by the tests of traces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
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

Crossing = tuple[Call, RecordedResult]

_U64 = st.integers(0, 2**64 - 1)
_U32 = st.integers(0, 2**32 - 1)
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
    _block_reads(),
    st.tuples(st.builds(BlockWrite, _U64, _U64, _DATA), _STATUS),
    _net_reads(),
    st.tuples(st.builds(NetWrite, _U64, _DATA), _STATUS),
    st.tuples(st.builds(Halt, st.integers(-(2**31), 2**31 - 1), _DATA), st.just(DONE)),
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
