"""Instructions on account of which a guest may run differently on another engine or processor.

A look at the code before anything runs: what real processors and emulators compute differently,
what the virtual processor lacks, and trapped instructions that hide where a sweep for sites goes
astray. It warns; what an engine must not execute it finds by itself when the guest comes there.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from monitors.ports import GuestImage
from replay.engines.known_code import NOTHING_KNOWN, KnownCode, Span
from replay.engines.sites import LONGEST_INSTRUCTION, SiteKind, site_at, undecoded_site
from replay.engines.survey import BEGINS, UNDECODED, Instruction, Surveyor


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
    scanner = _Scanner(code, base)
    if not known.sections:
        yield from scanner.scan(0, len(code), is_code=True)
    for section in known.sections:
        begin, end = max(section.start, base), min(section.end, base + len(code))
        if begin < end:
            yield from _scan_section(scanner, Span(begin - base, end - base), base, known.functions)


def _scan_section(
    scanner: _Scanner, section: Span, base: int, functions: Sequence[Span]
) -> Iterator[Finding]:
    first = bisect_left(functions, base + section.start, key=attrgetter("start"))
    last = bisect_left(functions, base + section.end, key=attrgetter("start"))
    done = section.start
    for function in functions[first:last]:
        begin, end = function.start - base, min(function.end - base, section.end)
        if done < begin:
            yield from scanner.scan(done, begin, is_code=False)
        yield from scanner.scan(begin, end, is_code=True)
        done = end
    yield from scanner.scan(done, section.end, is_code=not functions)


class _Scanner:
    """Looks at parts of ``code``, which begins at ``base``."""

    def __init__(self, code: bytes, base: int) -> None:
        self._code = code
        self._base = base
        self._end = 0
        self._marks = bytearray(len(code))
        self._found: list[Finding] = []
        self._surveyor = Surveyor(code, base, self._look_at)

    def scan(self, begin: int, end: int, *, is_code: bool) -> Iterable[Finding]:
        """What is of concern in the bytes ``[begin, end)``; ``is_code``: they begin with an
        instruction, and are nothing else."""
        if not self._surveyor.is_compiled and not self._is_suspect(begin, end):
            return ()
        self._end = end
        self._found = []
        self._surveyor.walk(self._marks, begin, end)
        found = self._found if self._found and self._is_suspect(begin, end) else []
        return found if is_code else [*found, *self._hidden(begin, end)]

    def _is_suspect(self, begin: int, end: int) -> bool:
        code = self._code
        return bool(_SUSPECT.search(code, begin, end) or _TRAPPED.search(code, begin, end))

    def _look_at(self, one: Instruction) -> int:
        text, concern = f"{one.mnemonic} {one.operands}".strip(), _concern(one.mnemonic, one.code)
        if one.mnemonic == UNDECODED:
            site = undecoded_site(self._bytes_at(one.address - self._base), one.address)
            is_vector = site is not None and site.kind is SiteKind.REFUSE
            text, concern = site.text if site else "", Concern.BEYOND if is_vector else None
        if concern is not None:
            self._found.append(Finding(one.address, text, concern))
        return 0

    def _hidden(self, begin: int, end: int) -> Iterator[Finding]:
        """Trapped instructions at which none begins."""
        for match in _TRAPPED.finditer(self._code, begin, end):
            at = match.start()
            if self._marks[at] & BEGINS:
                continue
            site = site_at(self._bytes_at(at), self._base + at)
            if site is not None and site.kind is SiteKind.TRAP:
                yield Finding(site.address, site.text, Concern.HIDDEN)

    def _bytes_at(self, at: int) -> bytes:
        return self._code[at : min(at + LONGEST_INSTRUCTION, self._end)]


def _concern(mnemonic: str, code: bytes) -> Concern | None:
    if mnemonic in _DIFFERING:
        return Concern.VALUE
    if mnemonic in _LACKING or code[0] in _VECTOR_BYTES:
        return Concern.BEYOND
    if code[0] in _LEGACY_PREFIXES:
        rest = code.lstrip(bytes(_LEGACY_PREFIXES))
        return Concern.BEYOND if rest and rest[0] in _VECTOR_BYTES else None
    return None
