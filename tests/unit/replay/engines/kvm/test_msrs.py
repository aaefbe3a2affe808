from __future__ import annotations

import pytest

from replay.engines.kvm.msrs import NUMBERS, Denied, ReadsAs, Refused, TimeRead, outcome


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        (0x10, None, TimeRead()),
        (0x10, 0, Refused()),
        (0xC000_0103, None, ReadsAs(0)),
        (0xC000_0103, 0, ReadsAs(0)),
        (0xC000_0103, 1, Refused()),
        (0x1B, None, Denied()),
        (0x1B, 0, Denied()),
        (0xE7, None, Denied()),
        (0x4B56_4D01, 1, Denied()),
    ],
)
def test_outcomes(number: int, value: int | None, expected: object) -> None:
    assert outcome(number, value) == expected


def test_the_state_has_no_clock() -> None:
    assert not {0x10, 0xC000_0103} & set(NUMBERS.values())
