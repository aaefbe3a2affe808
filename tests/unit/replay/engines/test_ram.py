from __future__ import annotations

import gc
from pathlib import Path

import pytest

from replay.engines.ram import PAGE_BYTES, GuestRam

MIB = 1 << 20


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_fresh_memory_is_zero_and_not_resident() -> None:
    ram = GuestRam(64 * MIB)
    assert list(ram.resident_ranges()) == []
    assert bytes(ram.view[32 * MIB : 32 * MIB + 16]) == bytes(16)
    ram.close()


def test_resident_ranges_hold_every_page_that_was_written() -> None:
    ram = GuestRam(64 * MIB)
    places = [0, 5 * PAGE_BYTES, 6 * PAGE_BYTES, 17 * MIB + 123, 64 * MIB - 1]
    for place in places:
        ram.view[place] = 1
    ranges = list(ram.resident_ranges())
    for place in places:
        assert any(start <= place < end for start, end in ranges)
    assert all(start < end <= ram.size and start % PAGE_BYTES == 0 for start, end in ranges)
    assert ranges == sorted(ranges)
    ram.close()


def test_the_view_and_the_address_are_the_same_memory() -> None:
    import ctypes

    ram = GuestRam(2 * MIB)
    ram.view[4096:4100] = b"abcd"
    assert ctypes.string_at(ram.address + 4096, 4) == b"abcd"
    ctypes.memset(ram.address + 5000, 0x5A, 1)
    assert ram.view[5000] == 0x5A
    ram.close()


def test_four_gib_cost_nothing() -> None:
    ram = GuestRam(4096 * MIB)
    ram.view[4096 * MIB - 1] = 7
    assert [end for _, end in ram.resident_ranges()] == [4096 * MIB]
    ram.close()


def test_close_gives_the_files_back_and_may_be_repeated() -> None:
    before = open_files()
    ram = GuestRam(MIB)
    assert open_files() > before
    ram.close()
    ram.close()
    assert open_files() == before
    with pytest.raises(ValueError):
        ram.view[0]


def test_memory_that_is_dropped_gives_its_files_back() -> None:
    gc.collect()  # what other tests have left is not this one's
    before = open_files()
    ram = GuestRam(MIB)
    del ram
    gc.collect()
    assert open_files() == before
