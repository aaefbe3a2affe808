from __future__ import annotations

import pytest

from replay.engines.kvm.text import PORTS, Sites
from replay.engines.sites import SiteKind

BASE = 0x100000


def _patch(code: str) -> tuple[Sites, bytes]:
    sites = Sites()
    sites.begin_at(BASE)
    return sites, sites.patch(bytes.fromhex(code), BASE)


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
    ],
)
def test_what_is_patched(code: str, kind: SiteKind) -> None:
    data = f"90 {code} c3"
    sites, patched = _patch(data)
    (site,) = sites.addresses.values()
    assert (site.kind, site.address, site.length) == (kind, BASE + 1, len(patched) - 2)
    assert patched[-3:-1] == bytes((0xE7, PORTS[0]))


@pytest.mark.parametrize(
    "code", ["e701", "ef", "6e", "f4", "0f32", "0f30", "0f20c0", "0fbcc1", "cc", "9c"]
)
def test_what_kvm_leaves_by_itself_or_knows(code: str) -> None:
    sites, patched = _patch(code + "c3")
    assert len(sites) == 0
    assert patched == bytes.fromhex(code + "c3")


def test_patches_are_as_long_and_ports_alternate() -> None:
    sites, patched = _patch("0f31 0f01f9 480fc7f0 c3")
    assert patched == bytes(
        (0xE7, PORTS[0], 0x3E, 0xE7, PORTS[1], 0x3E, 0x3E, 0xE7, PORTS[0], 0xC3)
    )
    assert len(sites) == 3


def test_constants_among_code_keep_their_bytes() -> None:
    """Nothing leads there, and no compiler writes such code."""
    data = "c3 0f31 0606 0606"
    sites, patched = _patch(data)
    assert len(sites) == 0
    assert patched == bytes.fromhex(data)


def test_bit_scans_lose_their_prefix() -> None:
    sites, patched = _patch("66f30fbcc1 c3")
    assert patched == bytes.fromhex("663e0fbcc1 c3")
    assert len(sites) == 0


def test_a_site_is_found_before_and_behind() -> None:
    sites, _ = _patch("0f31 0f31 c3")
    first, second = BASE, BASE + 2
    found = [sites.at(PORTS[0], first), sites.at(PORTS[0], first + 2)]
    assert [site and site.address for site in found] == [first, first]
    found = [sites.at(PORTS[1], second), sites.at(PORTS[1], second + 2)]
    assert [site and site.address for site in found] == [second, second]
    assert sites.at(PORTS[1], first) is None


def test_new_code_has_new_sites() -> None:
    sites, _ = _patch("0f31 c3")
    sites.patch(bytes.fromhex("90 0fa2 c3"), BASE)
    assert list(sites.addresses) == [BASE + 1]
    assert sites.at(PORTS[0], BASE) is None
