from __future__ import annotations

import pytest

from replay.engines.kvm.text import PORTS, Sites, sweep
from replay.engines.sites import SiteKind

BASE = 0x100000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("0f31", SiteKind.TRAP),
        ("0f01f9", SiteKind.TRAP),
        ("490fc7f1", SiteKind.TRAP),
        ("660fc7f8", SiteKind.TRAP),
        ("0fa2", SiteKind.TRAP),
        ("0f33", SiteKind.REFUSE),
        ("c5f877", SiteKind.REFUSE),
        ("0f01c9", SiteKind.INVALID),
        ("0f01c1", SiteKind.INVALID),
        ("0f01d9", SiteKind.INVALID),
        ("0f38f000", SiteKind.INVALID),
        ("660fae38", SiteKind.INVALID),
        ("f30fbcc1", SiteKind.REWRITE),
        ("f3480fbdc1", SiteKind.REWRITE),
    ],
)
def test_what_is_patched(code: str, kind: SiteKind) -> None:
    data = b"\x90" + bytes.fromhex(code) + b"\xc3"
    (site,) = sweep(data, BASE)
    assert (site.kind, site.address, site.length) == (kind, BASE + 1, len(data) - 2)


@pytest.mark.parametrize("code", ["e701", "ef", "6e", "f4", "0f32", "0f30", "0f20c0", "0fbcc1"])
def test_what_kvm_leaves_by_itself_or_knows(code: str) -> None:
    assert list(sweep(bytes.fromhex(code), BASE)) == []


def test_patches_are_as_long_and_ports_alternate() -> None:
    sites = Sites()
    patched = sites.patch(bytes.fromhex("0f31 0f01f9 480fc7f0 c3"), BASE)
    assert patched == bytes(
        (0xE7, PORTS[0], 0x3E, 0xE7, PORTS[1], 0x3E, 0x3E, 0xE7, PORTS[0], 0xC3)
    )
    assert len(sites) == 3


def test_bit_scans_lose_their_prefix() -> None:
    sites = Sites()
    assert sites.patch(bytes.fromhex("66f30fbcc1"), BASE) == bytes.fromhex("663e0fbcc1")
    assert len(sites) == 0


def test_a_site_is_found_before_and_behind() -> None:
    sites = Sites()
    sites.patch(bytes.fromhex("0f31 0f31"), BASE)
    first, second = BASE, BASE + 2
    found = [sites.at(PORTS[0], first), sites.at(PORTS[0], first + 2)]
    assert [site and site.address for site in found] == [first, first]
    found = [sites.at(PORTS[1], second), sites.at(PORTS[1], second + 2)]
    assert [site and site.address for site in found] == [second, second]
    assert sites.at(PORTS[1], first) is None


def test_new_code_has_new_sites() -> None:
    sites = Sites()
    sites.patch(bytes.fromhex("0f31 90"), BASE)
    sites.patch(bytes.fromhex("90 0fa2"), BASE)
    assert list(sites.addresses) == [BASE + 1]
    assert sites.at(PORTS[0], BASE) is None


def test_bytes_that_are_no_code_are_left_out() -> None:
    assert [site.address for site in sweep(bytes.fromhex("0606 0f31"), BASE)] == [BASE + 2]


def test_sites_across_the_pieces_of_a_long_text() -> None:
    """Decoded in pieces of 64 KiB: an instruction may begin in one and end in the next."""
    code = b"\x90" * 0xFFFF + bytes.fromhex("0f31") + b"\x90" * 0xFFF0 + bytes.fromhex("0fa2")
    assert [site.address - BASE for site in sweep(code, BASE)] == [0xFFFF, len(code) - 2]
