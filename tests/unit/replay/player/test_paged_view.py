from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ram import PAGE_BYTES
from replay.player.paged_view import PagedView, Stills, paged

START, BYTES = 2 * PAGE_BYTES, 3 * PAGE_BYTES


class Guest:
    """Three pages of memory, and how often it was asked for."""

    data = bytes(index * 7 % 251 for index in range(BYTES))

    def __init__(self) -> None:
        self.asked = 0

    def registers(self) -> dict[str, int]:
        self.asked += 1
        return {"rip": START}

    def read(self, address: int, size: int) -> bytes | None:
        self.asked += 1
        offset = address - START
        return self.data[offset : offset + size] if 0 <= offset <= BYTES - size else None


@given(st.integers(0, START + BYTES + 9), st.integers(0, 2 * PAGE_BYTES))
def test_it_shows_what_the_view_shows(address: int, size: int) -> None:
    assert PagedView(Guest()).read(address, size) == Guest().read(address, size)


def test_registers_and_pages_are_asked_for_once() -> None:
    guest = Guest()
    view = PagedView(guest)
    for offset in range(0, PAGE_BYTES, 8):
        assert view.read(START + offset, 8) == Guest.data[offset : offset + 8]
        assert view.registers() == {"rip": START}
    assert guest.asked == 2


def test_pages_are_not_kept_without_end() -> None:
    view = PagedView(Guest())
    for number in range(5000):
        view.page(number * PAGE_BYTES)
    assert len(view._pages) <= 4096


def test_addresses_go_round_at_their_end() -> None:
    assert PagedView(Guest()).read(START + (1 << 64), 4) == Guest.data[:4]


class Moving(Guest):
    """A guest that has a quicker view of itself."""

    def still(self) -> Guest:
        return Guest()


def test_the_quicker_view_is_taken_where_there_is_one() -> None:
    moving = Moving()
    assert isinstance(moving, Stills)
    view = paged(moving)
    assert view.read(START, 4) == Guest.data[:4]
    assert moving.asked == 0
    assert paged(view) is view
    plain = Guest()
    assert paged(plain).registers() == {"rip": START}
    assert plain.asked == 1
