from __future__ import annotations

import pytest

from replay.engines.agents import FinishedEvents
from replay.engines.errors import EngineFailure
from replay.engines.native.layout import SLOT_BYTES, SLOTS, SLOTS_AT
from replay.engines.native.ring import EventRing
from replay.engines.native.shared import SharedMemory

EVENTS = b"\x92\x01\x05\x92\x01\x06"


@pytest.fixture
def memory() -> SharedMemory:
    return SharedMemory()


def put(memory: SharedMemory, sequence: int, data: bytes, count: int) -> None:
    """What an agent leaves in a slot."""
    at = SLOTS_AT + sequence % SLOTS * SLOT_BYTES
    memory._map[at : at + len(data)] = data
    slot = memory.control.slots[sequence % SLOTS]
    slot.length, slot.count = len(data), count


def test_sealed_slots_come_in_order_and_once(memory: SharedMemory) -> None:
    ring = EventRing(memory)
    put(memory, 0, EVENTS, 2)
    put(memory, 1, EVENTS[:3], 1)
    memory.control.write_seq = 2
    expected = [FinishedEvents(EVENTS, 2), FinishedEvents(EVENTS[:3], 1)]
    assert list(ring.sealed()) == expected
    assert list(ring.sealed()) == []
    assert memory.control.read_seq == 2


def test_the_slot_in_use_is_taken_after_a_cut(memory: SharedMemory) -> None:
    ring = EventRing(memory)
    put(memory, 0, EVENTS, 2)
    assert ring.open() is None
    ring.request_cut()
    memory.control.busy = 1
    assert ring.open() is None
    memory.control.busy = 0
    assert ring.open() == FinishedEvents(EVENTS, 2)
    assert not ring.has_open
    memory.control.write_seq = 1  # the agent goes on elsewhere
    put(memory, 1, EVENTS, 2)
    memory.control.write_seq = 2
    assert list(ring.sealed()) == [FinishedEvents(EVENTS, 2)]


def test_a_slot_that_grows_after_it_was_taken_is_refused(memory: SharedMemory) -> None:
    ring = EventRing(memory)
    put(memory, 0, EVENTS, 2)
    ring.request_cut()
    assert ring.open() is not None
    put(memory, 0, EVENTS * 2, 4)
    memory.control.write_seq = 1
    with pytest.raises(EngineFailure, match="has grown"):
        list(ring.sealed())


@pytest.mark.parametrize(
    ("length", "count", "write_seq"),
    [
        (SLOT_BYTES + 1, 1, 1),
        (6, 0, 1),
        (6, 4, 1),
        (6, 2, SLOTS),
        (6, 2, (1 << 64) - 1),
    ],
)
def test_numbers_that_no_agent_writes_are_refused(
    memory: SharedMemory, length: int, count: int, write_seq: int
) -> None:
    put(memory, 0, EVENTS, 2)
    memory.control.slots[0].length = length
    memory.control.slots[0].count = count
    memory.control.write_seq = write_seq
    with pytest.raises(EngineFailure, match="damaged"):
        list(EventRing(memory).sealed())
