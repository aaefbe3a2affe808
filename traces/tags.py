"""The table of event tags: which array of integers and byte strings stands for which call.

An event is ``[tag, inputs..., outputs...]``. Tags are never used for anything else again,
and fields are only appended. The same table is printed in docs/trace-format.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from monitors.calls import Call
from monitors.calls.block import BlockRead, BlockWrite
from monitors.calls.clock import MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Halt, Misuse
from monitors.calls.net import NetRead, NetWrite
from monitors.calls.poll import Poll, SetTimer, WaitReady
from monitors.calls.traps import Cpuid, RandomWord, ReadTsc, ReadTscp

WALL_CLOCK = 1
MONOTONIC_CLOCK = 2
CONSOLE_WRITE = 3
POLL = 4
BLOCK_READ = 5
BLOCK_WRITE = 6
NET_READ = 7
NET_WRITE = 8
HALT = 9
MISUSE = 10
READ_TSC = 11
READ_TSCP = 12
RANDOM_WORD = 13
CPUID = 14
SET_TIMER = 15
WAIT_READY = 16


class FieldKind(enum.Enum):
    """What a field may hold; a reader refuses everything else."""

    U64 = "u64"
    U32 = "u32"
    I32 = "i32"
    BIT = "0 or 1"
    WIDTH = "16, 32 or 64"
    STATUS = "0..3"
    RULE = "1..11"
    DELTA = "delta"
    BYTES = "bytes"
    BYTES_OR_NIL = "bytes or nil"
    TEXT = "UTF-8 bytes"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One slot of an event's array."""

    name: str
    kind: FieldKind


@dataclass(frozen=True, slots=True)
class EventSpec:
    """The layout of one tag's array: the tag, the call's inputs, the result's outputs."""

    tag: int
    call: type[Call]
    inputs: tuple[FieldSpec, ...]
    outputs: tuple[FieldSpec, ...]

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """All slots behind the tag, in order."""
        return self.inputs + self.outputs


_HANDLE = FieldSpec("handle", FieldKind.U64)
_OFFSET = FieldSpec("offset", FieldKind.U64)
_LENGTH = FieldSpec("length", FieldKind.U64)
_STATUS = FieldSpec("status", FieldKind.STATUS)
_DIGEST = (FieldSpec("data_length", FieldKind.U64), FieldSpec("data_crc32c", FieldKind.U32))
_COOKIE = (FieldSpec("cookie_length", FieldKind.U64), FieldSpec("cookie_crc32c", FieldKind.U32))
_NS = FieldSpec("ns", FieldKind.DELTA)
_CYCLES = FieldSpec("cycles", FieldKind.DELTA)


def _u32(*names: str) -> tuple[FieldSpec, ...]:
    return tuple(FieldSpec(name, FieldKind.U32) for name in names)


_ROWS = (
    EventSpec(WALL_CLOCK, WallClock, (), (_NS,)),
    EventSpec(MONOTONIC_CLOCK, MonotonicClock, (), (_NS,)),
    EventSpec(CONSOLE_WRITE, ConsoleWrite, _DIGEST, ()),
    EventSpec(
        POLL,
        Poll,
        (FieldSpec("timeout_ns", FieldKind.U64),),
        (FieldSpec("ready_set", FieldKind.U64),),
    ),
    EventSpec(
        BLOCK_READ,
        BlockRead,
        (_HANDLE, _OFFSET, _LENGTH),
        (_STATUS, FieldSpec("data", FieldKind.BYTES_OR_NIL)),
    ),
    EventSpec(BLOCK_WRITE, BlockWrite, (_HANDLE, _OFFSET, *_DIGEST), (_STATUS,)),
    EventSpec(NET_READ, NetRead, (_HANDLE, _LENGTH), (_STATUS, FieldSpec("data", FieldKind.BYTES))),
    EventSpec(NET_WRITE, NetWrite, (_HANDLE, *_DIGEST), (_STATUS,)),
    EventSpec(HALT, Halt, (FieldSpec("status", FieldKind.I32), *_COOKIE), ()),
    EventSpec(
        MISUSE,
        Misuse,
        (FieldSpec("kind", FieldKind.RULE), FieldSpec("detail", FieldKind.TEXT)),
        (),
    ),
    EventSpec(READ_TSC, ReadTsc, (), (_CYCLES,)),
    EventSpec(READ_TSCP, ReadTscp, (), (_CYCLES, *_u32("aux"))),
    EventSpec(
        RANDOM_WORD,
        RandomWord,
        (FieldSpec("seed", FieldKind.BIT), FieldSpec("bits", FieldKind.WIDTH)),
        (FieldSpec("value", FieldKind.U64),),
    ),
    EventSpec(CPUID, Cpuid, _u32("leaf", "subleaf"), _u32("eax", "ebx", "ecx", "edx")),
    EventSpec(SET_TIMER, SetTimer, (FieldSpec("at_ns", FieldKind.U64),), ()),
    EventSpec(
        WAIT_READY,
        WaitReady,
        (FieldSpec("timeout_ms", FieldKind.I32),),
        (FieldSpec("ready_set", FieldKind.U64), FieldSpec("timer_fired", FieldKind.BIT)),
    ),
)

SPECS: Mapping[int, EventSpec] = {spec.tag: spec for spec in _ROWS}
SPEC_OF: Mapping[type[Call], EventSpec] = {spec.call: spec for spec in _ROWS}

DELTA_TAGS = frozenset((WALL_CLOCK, MONOTONIC_CLOCK, READ_TSC, READ_TSCP))
"""Tags whose first output is a difference to the reading before."""


def render_table() -> str:
    """The whole table as text, one line a tag, for the snapshot that guards it."""
    lines = []
    for spec in _ROWS:
        inputs = ", ".join(f"{f.name}: {f.kind.value}" for f in spec.inputs)
        outputs = ", ".join(f"{f.name}: {f.kind.value}" for f in spec.outputs)
        lines.append(f"{spec.tag} {spec.call.__name__} ({inputs}) -> ({outputs})")
    return "\n".join(lines) + "\n"
