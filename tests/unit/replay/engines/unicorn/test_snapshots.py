from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.snapshots import restore_pages, save_pages


@pytest.fixture
def memory() -> Iterator[EngineMemory]:
    instance, ram = Instance(), GuestRam(16 * PAGE_BYTES)
    yield EngineMemory(instance, ram, [])
    instance.close()
    ram.close()


def test_pages_that_are_zero_are_left_out(memory: EngineMemory) -> None:
    memory.write(0, b"x")
    memory.write(2 * PAGE_BYTES, bytes(1))
    assert save_pages(memory) == {0: b"x".ljust(PAGE_BYTES, b"\0")}


def test_only_what_differs_is_written(memory: EngineMemory) -> None:
    memory.write(0, b"x")
    memory.write(PAGE_BYTES, b"y")
    saved = save_pages(memory)
    memory.write(PAGE_BYTES, b"z")
    memory.write(3 * PAGE_BYTES, b"new")
    memory.written = set()
    restore_pages(memory, saved)
    assert memory.written == {1, 3}
    assert save_pages(memory) == saved
