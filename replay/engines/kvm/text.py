"""Sites in code, and the port writes that take their place.

KVM leaves the guest for port I/O and for little else, so an instruction that must not simply
execute becomes ``out imm8, eax``, with prefixes that mean nothing in front where it was longer: the
processor then is behind both at the same address. The patches are in private copies of the pages.
"""

from __future__ import annotations

from collections.abc import Iterator

from replay.engines.sites import (
    LONGEST_INSTRUCTION,
    Site,
    SiteKind,
    decode,
    site_of,
    undecoded_site,
)

PORTS = (0xE4, 0xE5)
"""Neighbours get different ones, so that an address between two is either's end or the other's
start, never both. Not 0x7E, before which KVM moves RIP, and none of Solo5's."""

PATCH_BYTES = 2
_OUT = 0xE7
_DATA_SEGMENT = b"\x3e"  # a prefix without meaning in 64-bit mode
_CHUNK_BYTES = 1 << 16
_PATCHED = frozenset((SiteKind.TRAP, SiteKind.REFUSE, SiteKind.INVALID))
_MNEMONICS = frozenset(
    ("rdtsc", "rdtscp", "rdrand", "rdseed", "cpuid", "rdpmc", "monitor", "mwait")
)
# What the host's processor may have and the virtual one has not; CPUID does not switch it off.
_LACKING = frozenset(
    (
        *("vmcall", "vmmcall", "movbe", "adcx", "adox", "rdpid", "clflushopt", "clwb", "ptwrite"),
        *("sha1msg1", "sha1msg2", "sha1nexte", "sha1rnds4"),
        *("sha256msg1", "sha256msg2", "sha256rnds2", "movdiri", "movdir64b", "serialize"),
        *("gf2p8mulb", "gf2p8affineqb", "gf2p8affineinvqb", "xbegin", "xtest"),
    )
)
# Newer processors take F3 0F BC and BD for other instructions than BSF and BSR.
_BIT_SCANS = frozenset(("tzcnt", "lzcnt"))
_REPEAT = 0xF3
_VECTOR_BYTES = frozenset((0xC4, 0xC5, 0x62))
_LEGACY_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))


class Sites:
    """The patched sites of one guest."""

    def __init__(self) -> None:
        self._by_start: dict[tuple[int, int], Site] = {}
        self._by_end: dict[tuple[int, int], Site] = {}
        self.addresses: dict[int, Site] = {}

    def __len__(self) -> int:
        return len(self.addresses)

    def patch(self, code: bytes, address: int) -> bytes:
        """``code`` as it may run; its sites are known from now on, instead of others there."""
        self._forget(address, address + len(code))
        patched = bytearray(code)
        for number, site in enumerate(sweep(code, address)):
            port = PORTS[number % len(PORTS)]
            start = site.address - address
            if site.kind is SiteKind.REWRITE:
                patched[start + site.code.index(_REPEAT)] = _DATA_SEGMENT[0]
                continue
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
        for table in (self._by_start, self._by_end):
            gone = [key for key, site in table.items() if start <= site.address < end]
            for key in gone:
                del table[key]
        for address in [address for address in self.addresses if start <= address < end]:
            del self.addresses[address]


def sweep(code: bytes, address: int) -> Iterator[Site]:
    """The sites to patch in ``code``, taken for instructions one behind the other. Bytes that are
    none are left out one at a time."""
    start = 0
    while start < len(code):
        part = code[start : start + _CHUNK_BYTES]
        is_last = start + len(part) == len(code)
        done = 0
        for at, length, mnemonic, operands in decode(part, address + start):
            here = at - address - start
            if not is_last and here > _CHUNK_BYTES - LONGEST_INSTRUCTION:
                break
            if mnemonic in _LACKING or mnemonic in _BIT_SCANS:
                yield _newer(part[here : here + length], at, mnemonic, operands)
            elif _is_suspect(mnemonic, part, here):
                yield from _patched(site_of(part[here : here + length], at, mnemonic, operands))
            done = here + length
        if not done:
            site = undecoded_site(part[:LONGEST_INSTRUCTION], address + start)
            yield from _patched(site)
            done = site.length if site is not None else 1
        start += done


def _is_suspect(mnemonic: str, code: bytes, at: int) -> bool:
    first = code[at]
    if first in _VECTOR_BYTES or mnemonic in _MNEMONICS:
        return True
    return first in _LEGACY_PREFIXES and not _VECTOR_BYTES.isdisjoint(code[at + 1 : at + 6])


def _newer(code: bytes, address: int, mnemonic: str, operands: str) -> Site:
    kind = SiteKind.REWRITE if mnemonic in _BIT_SCANS else SiteKind.INVALID
    if code[0] in _VECTOR_BYTES:
        kind = SiteKind.REFUSE
    return Site(kind, address, len(code), f"{mnemonic} {operands}".strip(), code)


def _patched(site: Site | None) -> Iterator[Site]:
    if site is not None and site.kind in _PATCHED and site.length >= PATCH_BYTES:
        yield site
