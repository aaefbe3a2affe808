from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.errors import Corrupt
from traces.index import BlockIndex, IndexBuilder
from traces.limits import INDEX_STRIDE_BYTES

BLOCKS = st.lists(
    st.tuples(st.sampled_from("EEEd"), st.integers(1, 1000), st.integers(20, 100_000)), max_size=40
)


@given(blocks=BLOCKS)
def test_locate_is_a_linear_scan(blocks: list[tuple[str, int, int]]) -> None:
    builder = IndexBuilder()
    placed, event, offset = [], 0, 100
    for tag, count, size in blocks:
        builder.note(tag, event, offset)
        if tag == "E":
            placed.append((event, offset))
            event += count
        offset += size
    index = BlockIndex(builder.payload())
    assert len(index) == builder.count
    assert set(index.entries) <= set(placed)
    first_at = {start: first for first, start in placed}
    for wanted in range(0, event, 97):
        found = index.locate(wanted)
        scanned = max(start for first, start in placed if first <= wanted)
        assert found is not None
        assert first_at[found] <= wanted
        assert found <= scanned < found + INDEX_STRIDE_BYTES + 100_000


def test_blocks_that_stand_close_are_not_listed() -> None:
    builder = IndexBuilder()
    for number in range(100_000):
        builder.note("E", number, number * 30)
    assert builder.count <= 100_000 * 30 // INDEX_STRIDE_BYTES + 1


def test_empty_index_leads_nowhere() -> None:
    assert BlockIndex(b"").locate(5) is None


def test_events_before_the_first_entry_are_nowhere() -> None:
    builder = IndexBuilder()
    builder.note("E", 10, 500)
    index = BlockIndex(builder.payload())
    assert (index.locate(9), index.locate(10)) == (None, 500)


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x01\x01\x01\x02", b"\x02\x02\x03\x01", b"\xc0", b"\xcd\x00"]
)
def test_damaged_indices_are_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt, match="index"):
        BlockIndex(data)


def test_an_index_may_be_extended_by_what_comes_later() -> None:
    builder = IndexBuilder()
    builder.note("E", 0, 100)
    first = builder.payload()
    index = BlockIndex(first)
    builder.note("E", 7, 100 + INDEX_STRIDE_BYTES)
    index.extend(builder.payload(len(first)))
    assert index.entries == BlockIndex(builder.payload()).entries
    with pytest.raises(Corrupt):
        index.extend(first)
