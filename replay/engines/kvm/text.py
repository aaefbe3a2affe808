"""Sites in code, and the port writes that take their place.

KVM leaves the guest for port I/O and for little else, so an instruction that must not simply
execute becomes ``out imm8, eax``, with prefixes that mean nothing in front where it was longer: the
processor then is behind both at the same address. The patches are in private copies of the pages.
"""

from __future__ import annotations

from replay.engines.errors import NotReproducible
from replay.engines.sites import Site, SiteKind
from replay.engines.sweep import sweep

PORTS = (0xE4, 0xE5)
"""Neighbours get different ones, so that an address between two is either's end or the other's
start, never both. Not 0x7E, before which KVM moves RIP, and none of Solo5's."""

PATCH_BYTES = 2
_OUT = 0xE7
_DATA_SEGMENT = b"\x3e"  # a prefix without meaning in 64-bit mode
_PATCHED = frozenset((SiteKind.TRAP, SiteKind.REFUSE, SiteKind.INVALID))
_REPEAT = 0xF3  # newer processors take it for a part of F3 0F BC and BD: TZCNT and LZCNT


class Sites:
    """The patched sites of one guest."""

    def __init__(self) -> None:
        self._by_start: dict[tuple[int, int], Site] = {}
        self._by_end: dict[tuple[int, int], Site] = {}
        self.addresses: dict[int, Site] = {}
        self._starts: set[int] = set()

    def __len__(self) -> int:
        return len(self.addresses)

    def begin_at(self, rip: int) -> None:
        """The guest is at ``rip``, so there is an instruction."""
        self._starts.add(rip)

    def patch(self, code: bytes, address: int) -> bytes:
        """``code`` as it may run; its sites are known from now on, instead of others there."""
        self._forget(address, address + len(code))
        patched = bytearray(code)
        starts = [start for start in self._starts if address <= start < address + len(code)]
        for number, site in enumerate(sweep(code, address, starts)):
            start = site.address - address
            if site.kind is SiteKind.REWRITE:
                patched[start + site.code.index(_REPEAT)] = _DATA_SEGMENT[0]
                continue
            if site.kind not in _PATCHED or site.length < PATCH_BYTES:
                continue
            port = PORTS[number % len(PORTS)]
            padding = _DATA_SEGMENT * (site.length - PATCH_BYTES)
            patched[start : start + site.length] = padding + bytes((_OUT, port))
            self._by_start[port, site.address] = site
            self._by_end[port, site.address + site.length] = site
            self.addresses[site.address] = site
        return bytes(patched)

    def at(self, port: int, rip: int) -> Site | None:
        """The site whose patch wrote to ``port``: ``rip`` may be before or behind it, as hosts
        differ there."""
        return self._by_start.get((port, rip)) or self._by_end.get((port, rip))

    def _forget(self, start: int, end: int) -> None:
        gone = [site for site in self.addresses.values() if start <= site.address < end]
        for site in gone:
            del self.addresses[site.address]
            for port in PORTS:
                self._by_start.pop((port, site.address), None)
                self._by_end.pop((port, site.address + site.length), None)


def refusal_of(site: Site) -> NotReproducible:
    """Why the guest may not execute what is at ``site``."""
    why = "AVX, AVX-512 and BMI (VEX) instructions are not the same on every engine"
    remedy = "build the guest without them (for example -march=x86-64-v2)"
    if site.text.startswith("rdpmc"):
        why, remedy = "performance counters differ from run to run", "build the guest without it"
    return NotReproducible(site.address, site.text, why, remedy)
