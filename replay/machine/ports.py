"""What the machine asks of those around it: who answers calls, and who watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from monitors.calls import Call, Result
from monitors.ports import Exit


class Source(Protocol):
    """Answers calls: live devices, a recording, a trace, a script."""

    def answer(self, call: Call) -> Result:
        """The result of one call.

        Raises ``DeviceFailure`` when the host cannot answer, ``WaitInterrupted`` when a wait was
        cut short by the operator; a replaying source raises its own divergence errors.
        """
        ...


class Observer(Protocol):
    """Watches crossings; it may look at the machine and must not change it."""

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """Crossing ``index`` was answered and its result is in the guest."""
        ...


@runtime_checkable
class SparseObserver(Protocol):
    """An observer that needs to see few crossings: those before ``due`` may be kept from it."""

    @property
    def due(self) -> int:
        """The next crossing's index that it must see; ``sys.maxsize`` for none."""
        ...

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``Observer``; also called for crossings before ``due``."""
        ...


class Lane(Protocol):
    """A second implementation of the door, close to the guest: it answers crossings exactly as the
    source would, and leaves to the door all that it does not know how to answer."""

    def run(self, room: int) -> tuple[Exit | None, int]:
        """Run until a crossing that the door must answer, or until ``room`` (at least 1) crossings
        have been answered: that exit, or ``None``, and the number of crossings answered here.

        When it returns, the source and whoever keeps the events stand behind the last crossing
        answered. Raises what ``Engine.run`` and ``Source.answer`` raise.
        """
        ...


@dataclass(frozen=True, slots=True)
class LaneBlock:
    """A block device as a lane needs it: an open image and its size in bytes."""

    fd: int
    capacity_bytes: int
    block_size: int


@dataclass(frozen=True, slots=True)
class LaneDevices:
    """The host's side of a guest's devices as open descriptors, for a lane that serves them.

    ``nets`` are non-blocking descriptors by handle; ``stop_fd`` becomes readable when the operator
    asks to stop. Devices of the guest that are in neither mapping are left to the source.
    """

    console_fd: int
    tsc_hz: int
    stop_fd: int | None = None
    nets: Mapping[int, int] = field(default_factory=dict)
    blocks: Mapping[int, LaneBlock] = field(default_factory=dict)


@runtime_checkable
class OffersDescriptors(Protocol):
    """A source of which a lane may take over the devices between two answers."""

    def lane_devices(self) -> LaneDevices:
        """The devices; the same ones for as long as the source lives."""
        ...

    @property
    def last_cycles(self) -> int:
        """The last reading of the cycle counter, which no later one may equal or undercut."""
        ...

    def note_cycles(self, last: int) -> None:
        """A lane has given out readings up to ``last``."""
        ...

    @property
    def timer_ns(self) -> int:
        """When the guest's timer is set to fire (CLOCK_MONOTONIC); 0: not set."""
        ...

    def note_timer(self, at_ns: int) -> None:
        """A lane has set the guest's timer."""
        ...
