"""Instructions on account of which a guest may run differently on another engine or processor.

A look at the code before anything runs: what real processors and emulators compute differently,
what the virtual processor lacks, and trapped instructions that hide where a sweep for sites goes
astray. It warns; what an engine must not execute it finds by itself when the guest comes there.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from monitors.ports import GuestImage
from replay.engines.known_code import NOTHING_KNOWN, KnownCode, Span
from replay.engines.sites import LONGEST_INSTRUCTION, SiteKind, decode, site_at, undecoded_site


class Concern(enum.Enum):
    """What is the matter with an instruction."""

    VALUE = "its result differs between processors"
    BEYOND = "the virtual processor lacks it"
    HIDDEN = "it hides in what looks like data or other instructions, and would not be trapped"


_ENGINES = {
    Concern.VALUE: ("kvm", "native"),
    Concern.BEYOND: ("kvm", "native", "unicorn"),
    Concern.HIDDEN: ("kvm", "native"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One instruction at guest address ``address``."""

    address: int
    text: str
    concern: Concern

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines on which it matters."""
        return _ENGINES[self.concern]


_APPROXIMATIONS = frozenset(("rcpps", "rcpss", "rsqrtps", "rsqrtss"))
_TRANSCENDENTALS = frozenset(
    ("fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1")
)
# They store the address of the last x87 instruction, which emulators do not keep.
_ENVIRONMENTS = frozenset(("fxsave", "fxsave64", "fnsave", "fsave", "fnstenv", "fstenv"))
_DIFFERING = _APPROXIMATIONS | _TRANSCENDENTALS | _ENVIRONMENTS
_LACKING = frozenset(
    (
        *("lzcnt", "movbe", "adcx", "adox", "rdpid", "clflushopt", "clwb", "serialize"),
        *("sha1msg1", "sha1msg2", "sha1nexte", "sha1rnds4"),
        *("sha256msg1", "sha256msg2", "sha256rnds2"),
        *("gf2p8mulb", "gf2p8affineqb", "gf2p8affineinvqb"),
        *("xgetbv", "xsetbv", "xsave", "xsave64", "xsavec", "xsavec64", "xsaveopt", "xsaveopt64"),
        *("xsaves", "xsaves64", "xrstor", "xrstor64", "xrstors", "xrstors64"),
        *("rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "rdpkru", "wrpkru"),
        *("xbegin", "xabort", "xend", "xtest", "monitorx", "mwaitx", "movdiri", "movdir64b"),
    )
)
_VECTOR_BYTES = frozenset((0xC4, 0xC5, 0x62))
_LEGACY_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))

# No false negatives: functions without any of it need not be decoded.
_SUSPECT = re.compile(
    rb"\x0f[\x01\x52\x53\xae\xbd\xc7]|\x0f\x38[\xc8-\xcf\xf0-\xfc]|\x0f\x3a[\xcc-\xcf]"
    rb"|[\xd9\xdd][\x30-\x37\x70-\x77\xb0-\xb7\xf0-\xff]|[\xc6\xc7]\xf8"
    rb"|\xc4[\x01-\x03\x21-\x23\x41-\x43\x61-\x63\x81-\x83\xa1-\xa3\xc1-\xc3\xe1-\xe3]"
    rb"|\xc5.[\x10-\x17\x28-\x2f\x41-\x4b\x50-\x7f\x90-\x99\xae\xc2-\xc6\xd0-\xff]|\x62.[^\x00]",
    re.DOTALL,
)
_TRAPPED = re.compile(
    rb"\x0f(?:[\x31\xa2]|\x01\xf9|\xc7[\xf0-\xff])|\x66?[\x48-\x4f]\x0f\xc7[\xf0-\xff]", re.DOTALL
)


def scan(image: GuestImage, known: KnownCode = NOTHING_KNOWN) -> list[Finding]:
    """Everything of concern in the executable segments of a guest, by address.

    Where ``known`` has the section of the entry point, nothing but sections is code, and what lies
    in them between functions may hide something. Else all is taken for instructions one behind the
    other, as engines take it.
    """
    if not any(section.start <= image.entry < section.end for section in known.sections):
        known = NOTHING_KNOWN
    found: set[Finding] = set()
    for segment in image.segments:
        at = segment.gpa
        if any(p.executable and p.start <= at < p.end for p in image.protections):
            found.update(_scan_segment(segment.data, at, known))
    return sorted(found, key=lambda finding: finding.address)


def _scan_segment(code: bytes, base: int, known: KnownCode) -> Iterator[Finding]:
    if not known.sections:
        yield from _scan_piece(code, base, is_code=True)
    for section in known.sections:
        begin, end = max(section.start, base), min(section.end, base + len(code))
        if begin < end:
            yield from _scan_section(code[begin - base : end - base], begin, known.functions)


def _scan_section(code: bytes, base: int, functions: Sequence[Span]) -> Iterator[Finding]:
    first = bisect_left(functions, base, key=attrgetter("start"))
    last = bisect_left(functions, base + len(code), key=attrgetter("start"))
    done = 0
    for function in functions[first:last]:
        begin, end = function.start - base, function.end - base
        yield from _scan_piece(code[done:begin], base + done, is_code=False)
        yield from _scan_piece(code[begin:end], base + begin, is_code=True)
        done = end
    yield from _scan_piece(code[done:], base + done, is_code=not functions)


def _scan_piece(code: bytes, base: int, *, is_code: bool) -> Iterator[Finding]:
    """``is_code``: it begins at an instruction, and holds nothing else."""
    if not _SUSPECT.search(code) and not _TRAPPED.search(code):
        return
    starts: set[int] = set()
    yield from _scan_code(code, base, starts)
    if not is_code:
        yield from _hidden(code, base, starts)


def _scan_code(code: bytes, base: int, starts: set[int]) -> Iterator[Finding]:
    """Instruction by instruction, the offsets of which become ``starts``; a byte that begins none
    is left out, and what its neighbours hide is reported."""
    done = 0
    while done < len(code):
        for address, length, mnemonic, operands in decode(code[done:], base + done):
            start, done = address - base, address - base + length
            starts.add(start)
            concern = _concern(mnemonic, code[start:done])
            if concern is not None:
                yield Finding(address, f"{mnemonic} {operands}".strip(), concern)
        if done < len(code):
            site = undecoded_site(code[done : done + LONGEST_INSTRUCTION], base + done)
            if site is not None and site.kind is SiteKind.REFUSE:
                yield Finding(site.address, site.text, Concern.BEYOND)
            done += 1


def _hidden(code: bytes, base: int, starts: Collection[int]) -> Iterator[Finding]:
    """Trapped instructions that none of the instructions at ``starts`` is."""
    for match in _TRAPPED.finditer(code):
        at = match.start()
        site = None if at in starts else site_at(code[at : at + LONGEST_INSTRUCTION], base + at)
        if site is not None and site.kind is SiteKind.TRAP:
            yield Finding(site.address, site.text, Concern.HIDDEN)


def _concern(mnemonic: str, code: bytes) -> Concern | None:
    if mnemonic in _DIFFERING:
        return Concern.VALUE
    if mnemonic in _LACKING or code[0] in _VECTOR_BYTES:
        return Concern.BEYOND
    if code[0] in _LEGACY_PREFIXES:
        rest = code.lstrip(bytes(_LEGACY_PREFIXES))
        return Concern.BEYOND if rest and rest[0] in _VECTOR_BYTES else None
    return None
