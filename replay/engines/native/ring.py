"""Finished events taken out of the memory shared with the agent, in order and each once.

``SharedMemory.control`` and agent/out.h say how the agent fills slots. All that is read here may
have been written by the guest, so every number is compared with its bound.
"""

from __future__ import annotations

from collections.abc import Iterator

from replay.engines.agents import FinishedEvents
from replay.engines.errors import EngineFailure
from replay.engines.native.layout import SLOT_BYTES, SLOTS
from replay.engines.native.shared import SharedMemory

_SMALLEST_EVENT_BYTES = 2


class EventRing:
    """The monitor's end of the slots. Not to be used by two threads at once."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._control = memory.control
        self._taken_bytes = 0
        self._taken_count = 0

    def sealed(self) -> Iterator[FinishedEvents]:
        """What lies in slots that the agent has left, which are free then.

        Raises EngineFailure for numbers that no agent writes.
        """
        control = self._control
        while (sequence := control.read_seq) != (last := control.write_seq):
            if not 0 < last - sequence < SLOTS:
                raise _damaged(f"slot {sequence} of {last}")
            events = self._rest(sequence)
            if events is not None and self._taken_bytes:
                raise _damaged(f"slot {sequence} has grown")
            self._taken_bytes = self._taken_count = 0
            control.read_seq = sequence + 1
            if events is not None:
                yield events

    @property
    def has_open(self) -> bool:
        """Whether the slot in use holds events that were not taken."""
        control = self._control
        return bool(control.slots[control.write_seq % SLOTS].length > self._taken_bytes)

    def request_cut(self) -> None:
        """Ask the agent to begin a new slot with its next event."""
        self._control.cut = 1

    def open(self) -> FinishedEvents | None:
        """What the slot in use holds. The agent must be stopped, or have been asked for a cut at
        least a millisecond ago; None while it writes an event, or where there is nothing."""
        control = self._control
        if control.busy or not control.cut:
            return None
        sequence = control.write_seq
        if sequence != control.read_seq:
            return None
        events = self._rest(sequence)
        if events is not None:
            self._taken_bytes += len(events.payload)
            self._taken_count += events.count
        return events

    def _rest(self, sequence: int) -> FinishedEvents | None:
        slot = self._control.slots[sequence % SLOTS]
        length, count = slot.length, slot.count - self._taken_count
        if not self._taken_bytes <= length <= SLOT_BYTES:
            raise _damaged(f"{length} bytes of events")
        size = length - self._taken_bytes
        if not size:
            return None
        if not 0 < count <= size // _SMALLEST_EVENT_BYTES:
            raise _damaged(f"{count} events in {size} bytes")
        return FinishedEvents(self._memory.slot(sequence, self._taken_bytes, length), count)


def _damaged(what: str) -> EngineFailure:
    return EngineFailure(
        f"the guest has damaged the agent's memory in its process ({what}); record it without an "
        "agent: SOLO5_REPLAY_PURE_PYTHON=1"
    )
