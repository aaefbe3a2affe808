from __future__ import annotations

import pytest

from replay.engines.fxsave import AFTER_RESET, FLOATING, FXSAVE_BYTES, pack_fxsave, unpack_fxsave

ONE = 0x3FFF8000000000000000
INFINITY = 0x7FFF8000000000000000
DENORMAL = 1


def test_a_reset_state_comes_back() -> None:
    area = pack_fxsave(AFTER_RESET)
    assert len(area) == FXSAVE_BYTES
    assert unpack_fxsave(area) == AFTER_RESET
    assert AFTER_RESET.keys() == FLOATING


def test_values_lie_where_they_belong() -> None:
    area = pack_fxsave({**AFTER_RESET, "xmm15": 5, "mxcsr": 0x1FA0, "fcw": 0x27F, "st7": ONE})
    assert area[400:416] == (5).to_bytes(16, "little")
    assert area[24:28] == (0x1FA0).to_bytes(4, "little")
    assert area[:2] == (0x27F).to_bytes(2, "little")
    assert area[144:154] == ONE.to_bytes(10, "little")


@pytest.mark.parametrize(
    ("value", "tag"), [(ONE, 0), (0, 1), (INFINITY, 2), (DENORMAL, 2), (1 << 63, 2)]
)
def test_tags_tell_what_is_in_a_register(value: int, tag: int) -> None:
    """TOP is 7 when one value was pushed: ST0 is the physical register 7."""
    state = {**AFTER_RESET, "fsw": 7 << 11, "ftw": 0x3FFF | tag << 14, "st0": value}
    assert unpack_fxsave(pack_fxsave(state)) == state
