"""The port of an agent: code in the guest's own process that answers most crossings.

An engine that has one says so with ``HasAgent``. Lanes use it: what the agent answers, it answers
like the door, and whatever it leaves alone comes out as an exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from monitors.ports import Exit

Readings = tuple[int, int, int, int]
"""The previous readings of wall clock, monotonic clock, RDTSC and RDTSCP within a block."""


@dataclass(frozen=True, slots=True)
class AgentBlock:
    """A block device for an agent. ``fd`` is what it reads and writes, ``known_fd`` a file with a
    bit for every sector of 512 bytes that the trace holds, the lowest bit of a byte first."""

    fd: int
    capacity_bytes: int
    block_size: int
    known_fd: int


@dataclass(frozen=True, slots=True)
class AgentDevices:
    """The host's side of the guest's devices; the agent gets copies of the descriptors."""

    tsc_hz: int
    console_fd: int | None = None
    stop_fd: int | None = None
    nets: Mapping[int, int] = field(default_factory=dict)
    blocks: Mapping[int, AgentBlock] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishedEvents:
    """``count`` whole events as a trace holds them; readings begin anew with the first."""

    payload: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the ``sites`` in the guest's code so far that an agent could answer, ``reached`` lead to
    it. The others are the door's."""

    reached: int
    sites: int


class AgentClock(Protocol):
    """What the agent and the door both keep of time; to be used while the guest stands still."""

    last_cycles: int
    timer_ns: int


class CrossingAgent(Protocol):
    """One agent. It is told once what to do, and then runs the guest in stretches.

    Everything but ``sealed``, ``cut`` and ``console`` belongs to the thread that runs the guest.
    """

    @property
    def clock(self) -> AgentClock: ...

    def record(self, target: str, devices: AgentDevices) -> bool:
        """Answer by the host from now on; false for a target that it does not know."""
        ...

    def replay(self, target: str, devices: AgentDevices) -> bool:
        """Answer from recorded events from now on; false for a target that it does not know."""
        ...

    def run(self, room: int) -> tuple[Exit | None, int]:
        """As ``replay.machine.ports.Lane.run``; raises what ``Engine.run`` does."""
        ...

    def sealed(self) -> Iterator[FinishedEvents]:
        """Events of a recording that make whole blocks, each once."""
        ...

    def cut(self, *, stopped: bool, wait: Callable[[], object]) -> Iterator[FinishedEvents]:
        """All events of a recording so far, each once. Unless the guest stands still (``stopped``),
        ``wait`` must take a millisecond, and an event that is being written is left out."""
        ...

    def take_printed(self) -> int:
        """How many bytes a recorded guest has printed since the last time."""
        ...

    def feed(self, payload: bytes, offset: int, readings: Readings) -> None:
        """Give a replay the recorded events in ``payload`` from ``offset`` on."""
        ...

    def fed(self) -> tuple[int, Readings]:
        """How far a replay came in what it was given."""
        ...

    def console(self) -> bytes:
        """What a replayed guest has printed since the last time."""
        ...

    @property
    def coverage(self) -> Coverage: ...

    @property
    def full_fd(self) -> int:
        """Becomes readable when events fill a block."""
        ...


@runtime_checkable
class HasAgent(Protocol):
    """An engine that may have an agent; None where it was not built or cannot be used."""

    @property
    def agent(self) -> CrossingAgent | None: ...
