"""Known sectors, against a set that is filled one sector at a time."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replay.machine.sectors import SECTOR_BYTES, KnownSectors

WORD = 1024
"""Sectors that share a word of the bitmap: its borders are where mistakes would be."""


class Range(NamedTuple):
    """Bytes of a device."""

    offset: int
    length: int

    def whole(self) -> set[int]:
        """The sectors of which every byte is inside."""
        return {n for n in self._near() if self._bytes_of(n) == SECTOR_BYTES}

    def touched(self) -> set[int]:
        """The sectors of which any byte is inside."""
        return {n for n in self._near() if self._bytes_of(n) > 0}

    def _near(self) -> range:
        return range(self.offset // SECTOR_BYTES, (self.offset + self.length) // SECTOR_BYTES + 2)

    def _bytes_of(self, sector: int) -> int:
        start, end = sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES
        return min(end, self.offset + self.length) - max(start, self.offset)


PLACES = st.one_of(st.integers(0, 6), st.integers(WORD - 4, WORD + 4))
EDGES = st.builds(lambda n, odd: n * SECTOR_BYTES + odd, PLACES, st.sampled_from((0, 0, 1, 511)))
RANGES = st.builds(lambda a, b: Range(min(a, b), abs(a - b) or 1), EDGES, EDGES)


@settings(max_examples=50)
@given(st.lists(RANGES, max_size=5), st.lists(RANGES, min_size=1, max_size=3))
@example([Range(0, 2 * WORD * SECTOR_BYTES)], [Range(WORD * SECTOR_BYTES - 1, 2)])
@example([Range(1, 2 * SECTOR_BYTES)], [Range(0, 1), Range(SECTOR_BYTES, SECTOR_BYTES)])
def test_like_a_set_of_sectors(learned: list[Range], asked: list[Range]) -> None:
    known, model = KnownSectors(), set()
    for range_ in learned:
        known.learn(*range_)
        model |= range_.whole()
    for range_ in (*asked, *learned):
        assert known.covers(*range_) is (range_.touched() <= model), range_


def test_nothing_is_known_at_first() -> None:
    assert not KnownSectors().covers(0, 1)
    assert not KnownSectors().covers(1 << 40, SECTOR_BYTES)


def test_sectors_known_in_part_are_not_known() -> None:
    known = KnownSectors()
    known.learn(1, 2 * SECTOR_BYTES)
    assert known.covers(SECTOR_BYTES, SECTOR_BYTES)
    assert not known.covers(0, SECTOR_BYTES)
    assert not known.covers(2 * SECTOR_BYTES, 1)


def test_two_halves_do_not_make_a_sector() -> None:
    known = KnownSectors()
    known.learn(0, 256)
    known.learn(256, 256)
    assert not known.covers(0, SECTOR_BYTES)


def test_one_gap_is_enough() -> None:
    known = KnownSectors()
    known.learn(0, WORD * SECTOR_BYTES)
    known.learn((WORD + 1) * SECTOR_BYTES, WORD * SECTOR_BYTES)
    assert not known.covers(0, 2 * WORD * SECTOR_BYTES)
    known.learn(WORD * SECTOR_BYTES, SECTOR_BYTES)
    assert known.covers(0, 2 * WORD * SECTOR_BYTES)


@pytest.mark.parametrize("offset", [0, SECTOR_BYTES, 1 << 50])
def test_no_bytes_are_always_known_and_teach_nothing(offset: int) -> None:
    known = KnownSectors()
    known.learn(offset, 0)
    assert known.covers(offset, 0)
    assert not known.covers(offset, 1)


def test_the_bitmap_grows_with_the_places_touched() -> None:
    known = KnownSectors()
    for place in (0, 1 << 40, (1 << 63) - SECTOR_BYTES):
        known.learn(place, SECTOR_BYTES)
        assert known.covers(place, SECTOR_BYTES)
    assert len(known._words) == 3
    known.learn(0, 1 << 30)
    assert known.covers(0, 1 << 30)
    assert len(known._words) == (1 << 30) // SECTOR_BYTES // WORD + 2
