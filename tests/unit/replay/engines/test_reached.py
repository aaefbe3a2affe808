from __future__ import annotations

from replay.engines.reached import REACHED_SLOTS, ReachedCode


def reached(*addresses: int) -> ReachedCode:
    marks = bytearray(REACHED_SLOTS)
    for address in addresses:
        marks[address // 16 % REACHED_SLOTS] = 1
    return ReachedCode.of(bytes(marks))


def test_what_was_not_reached_is_known_for_sure() -> None:
    code = reached(0x100000, 0x100040)
    assert code.may_hold([0x100000])
    assert code.may_hold([0x5, 0x10004F])
    assert not code.may_hold([0x100010, 0x100030, 0x100050])
    assert not code.may_hold([])


def test_far_addresses_share_a_granule() -> None:
    assert reached(0x100000).may_hold([0x100000 + 16 * REACHED_SLOTS])


def test_the_union() -> None:
    both = reached(0x1000) | reached(0x2000)
    assert both.may_hold([0x1000])
    assert both.may_hold([0x2000])
    assert not both.may_hold([0x3000])
