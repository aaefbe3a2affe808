from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ram import PAGE_BYTES
from replay.player.stops import Direction
from replay.tui.model import memory_search
from replay.tui.model.memory_search import BadPattern, MemorySearch, parse_pattern
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, standing_at

ON, BACK = Direction.FORWARD, Direction.BACKWARD


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("hello", b"hello"),
        ('"de ad"', b"de ad"),
        ("text:u32:7", b"u32:7"),
        ("de ad be ef", b"\xde\xad\xbe\xef"),
        ("hex:DEADbeef", b"\xde\xad\xbe\xef"),
        ("u32:7", b"\7\0\0\0"),
        ("u16:0x1234", b"\x34\x12"),
        ("u64:-1", b"\xff" * 8),
        ("u8:255", b"\xff"),
        ("http://x", b"http://x"),
        ("é", b"\xc3\xa9"),
    ],
)
def test_what_to_look_for(text: str, data: bytes) -> None:
    assert parse_pattern(text) == data


@pytest.mark.parametrize("text", ["", "u8:256", "u32:x", "hex:abc", "hex:", "x" * 257, "text:"])
def test_what_says_nothing_to_look_for(text: str) -> None:
    with pytest.raises(BadPattern):
        parse_pattern(text)


def all_found(guest: Guest, search: MemorySearch, budget: int = 100) -> list[int]:
    found = []
    while not search.is_over:
        at = search.advance(guest, budget)
        if at is not None:
            found.append(at)
    return found


@given(
    st.binary(max_size=60).map(lambda data: bytes(each % 3 for each in data)),
    st.integers(0, 80),
    st.binary(min_size=1, max_size=3).map(lambda data: bytes(each % 3 for each in data)),
    st.sampled_from(Direction),
    st.integers(1, 20),
)
def test_all_matches_in_order(
    data: bytes, start: int, pattern: bytes, direction: Direction, piece: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_search, "_PIECE_BYTES", piece)
        search = MemorySearch(pattern, start, len(data), direction)
        found = all_found(Guest({0: data + bytes(4)}), search, budget=7)
    expected = [
        at for at in range(len(data)) if (data + bytes(4))[at : at + len(pattern)] == pattern
    ]
    origin = start % len(data) if data else 0
    if direction is ON:
        behind = [at for at in expected if at > origin]
        assert found == behind + [at for at in expected if at <= origin]
    else:
        before = [at for at in expected if at < (origin or len(data))]
        after = [at for at in expected if at >= (origin or len(data))]
        assert found == before[::-1] + after[::-1]


def test_what_cannot_be_read_is_passed_over() -> None:
    page = b"needle".rjust(PAGE_BYTES)
    guest = Guest({PAGE_BYTES: page, 3 * PAGE_BYTES: page})
    ends = [2 * PAGE_BYTES - 6, 4 * PAGE_BYTES - 6]
    assert all_found(guest, MemorySearch(b"needle", 0, 5 * PAGE_BYTES)) == ends
    assert all_found(guest, MemorySearch(b"needle", 0, 5 * PAGE_BYTES, BACK)) == ends[::-1]


def test_a_budget_bounds_one_advance() -> None:
    guest = Guest({0: bytes(1 << 20)})
    search = MemorySearch(b"x", 0, 1 << 20)
    assert search.advance(guest, 1) is None
    assert 0 < search.done <= 64 << 10


def test_in_a_real_guest(recorder: Recorder) -> None:
    with standing_at(recorder, "hello") as timeline:
        size = timeline.machine.plan.mem_size
        search = MemorySearch(parse_pattern("Solo5"), 0, size)
        found = all_found(timeline, search, 1 << 24)  # type: ignore[arg-type]
        assert found
        assert all(timeline.read(at, 5) == b"Solo5" for at in found)
        assert found == sorted(found)


def test_nothing_to_search() -> None:
    search = MemorySearch(b"x", 5, 0)
    assert search.is_over
    assert search.advance(Guest({})) is None
