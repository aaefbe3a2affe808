from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from replay.machine.sectors import SECTOR_BYTES, KnownSectors
from replay.machine.shared_sectors import SharedSectors

CAPACITY = 64 * SECTOR_BYTES
RANGES = st.tuples(st.integers(0, CAPACITY), st.integers(0, CAPACITY)).map(
    lambda pair: (min(pair), max(pair) - min(pair))
)


@given(st.lists(RANGES, max_size=8), RANGES)
def test_it_knows_what_the_plain_one_knows(
    learned: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    plain, shared = KnownSectors(), SharedSectors(CAPACITY)
    for offset, length in learned:
        plain.learn(offset, length)
        shared.learn(offset, length)
    assert plain.covers(*asked) == shared.covers(*asked)


def test_bits_are_where_an_agent_looks_for_them() -> None:
    shared = SharedSectors(CAPACITY)
    shared.learn(9 * SECTOR_BYTES, 2 * SECTOR_BYTES)
    assert os.pread(shared.fd, 3, 0) == b"\0\x06\0"


def test_nothing_beyond_the_device_becomes_known() -> None:
    shared = SharedSectors(CAPACITY)
    shared.learn(0, 1 << 40)
    assert shared.covers(0, CAPACITY)
    assert not shared.covers(CAPACITY, 1)
