from __future__ import annotations

from pathlib import Path

import pytest

from replay.player.call_sites import CallSite, call_sites

START = 0x100000


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("e8 00 00 00 00", [CallSite(START, START + 5)]),
        ("90 ff d0", [CallSite(START + 1, START + 3)]),
        ("ff 55 08", [CallSite(START, START + 3)]),
        ("eb fe", []),
        ("90 74 fd", []),
        ("e9 fb ff ff 00", [CallSite(START, START + 5, is_jump=True)]),
        ("0f 84 00 01 00 00", [CallSite(START, START + 6, is_jump=True)]),
        ("ff e0", [CallSite(START, START + 2, is_jump=True)]),
        ("3e ff e0", [CallSite(START, START + 3, is_jump=True)]),
        ("c3 90 f4", []),
        ("", []),
        ("06 ff d0", [CallSite(START + 1, START + 3)]),
    ],
)
def test_what_leads_out_of_a_function(code: str, expected: list[CallSite]) -> None:
    assert list(call_sites(bytes.fromhex(code), START)) == expected


def test_jumps_to_its_own_end_are_out() -> None:
    assert len(call_sites(bytes.fromhex("eb 00"), START)) == 1
    assert call_sites(bytes.fromhex("eb 00 90"), START) == []


def test_any_bytes_will_do() -> None:
    noise = Path(__file__).read_bytes()
    for site in call_sites(noise, START):
        assert START <= site.address < site.returns_to <= START + len(noise)
