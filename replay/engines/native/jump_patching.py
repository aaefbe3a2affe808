"""Where guest code can be made to jump to the agent, and with which bytes.

A *jump* (5 bytes) replaces the instructions before a site, which stay in force: they are moved into
a *trampoline* that then enters the agent. The site's own instruction stays where it is, and traps
for whatever the agent leaves to the door. Where a site has no such instructions before it, the jump
replaces itself and those behind it.

Somebody may still branch into the middle of a jump. So the trampoline's address is chosen such that
the bytes of the jump at which an instruction used to begin are instructions that trap, and the
engine puts the old bytes back when that happens.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from monitors.ports import TrapKind
from replay.engines.native.layout import SiteCode
from replay.engines.sites import LONGEST_INSTRUCTION, Site, SiteKind

JUMP_BYTES = 5
TRAMPOLINE_BYTES = 96
_LOOK_BACK_BYTES = 64
_MOVED_MAX = 24
_BREAKPOINT = 0xCC
_U32 = 0xFFFFFFFF
_REL_MAX = (1 << 31) - 1

TRAPPING = (
    *(0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61),
    *(0x6C, 0x6D, 0x6E, 0x6F, 0x82, 0x9A, 0xCC, 0xCE, 0xD4, 0xD5, 0xD6),
    *(0xE4, 0xE5, 0xE6, 0xE7, 0xEA, 0xEC, 0xED, 0xEE, 0xEF, 0xF4, 0xFA, 0xFB),
)
"""Opcodes of one byte that are invalid in 64-bit mode, or not allowed in user mode."""

# Instructions that compute in registers only: no memory, no branch, nothing privileged, nothing
# that a site is. They neither fault nor depend on where they are.
_MOVABLE = re.compile(
    r"(?:mov|movabs|movzx|movsx|movsxd|xor|or|and|add|sub|adc|sbb|cmp|test|inc|dec|neg|not|shl|shr"
    r"|sar|sal|rol|ror|bswap|xchg|cdqe|cqo|cdq|set[a-z]+|cmov[a-z]+|imul)\b(?: [^\[\]]*)?|"
    r"lea [^\[]*\[(?!rip)[^\]]*\]|nop.*"
)
_FORBIDDEN = re.compile(r"\b(?:[c-gs]s|cr\d+|dr\d+|[xyz]mm\d+|mm\d|st)\b")

Decoded = tuple[int, int, str, str]
"""Address, length, mnemonic and operands of an instruction."""

Disassemble = Callable[[bytes, int], Sequence[Decoded]]


@dataclass(frozen=True, slots=True)
class Window:
    """``[start, end)`` is what a jump replaces: whole instructions, which begin at ``starts``.

    ``site`` is the instruction that crosses and ``after`` the one behind it. ``moved`` are the
    bytes of those executed before the site, ``rest`` of those behind it, both in the trampoline.
    """

    start: int
    end: int
    starts: tuple[int, ...]
    site: int
    after: int
    code: SiteCode
    moved: bytes
    rest: bytes

    @property
    def is_inside(self) -> bool:
        """Whether the site itself is replaced."""
        return self.site < self.end


def code_of(site: Site) -> SiteCode | None:
    """What the agent calls a site; None for one that it cannot serve."""
    if site.kind is SiteKind.OUT:
        return SiteCode.OUT if site.code == b"\xef" else None
    if site.code == b"\x0f\x05":
        return SiteCode.SYSCALL
    if site.kind is SiteKind.TRAP and site.trap in (TrapKind.RDTSC, TrapKind.RDTSCP):
        plain = site.code in (b"\x0f\x31", b"\x0f\x01\xf9")
        code = SiteCode.RDTSC if site.trap is TrapKind.RDTSC else SiteCode.RDTSCP
        return code if plain else None
    return None


def find_window(
    site: Site, read: Callable[[int, int], bytes], first: int, last: int, disassemble: Disassemble
) -> Window | None:
    """The instructions that a jump can replace for ``site`` in the code ``[first, last)``."""
    code = code_of(site)
    if code is None:
        return None
    window = None
    if code in (SiteCode.RDTSC, SiteCode.RDTSCP):  # often the first of a function
        window = _forward(site, code, read, last, disassemble)
    if window is None:
        window = _backward(site, code, _before(site, read, first, disassemble), read)
    return window


def _before(
    site: Site, read: Callable[[int, int], bytes], first: int, disassemble: Disassemble
) -> Sequence[Decoded]:
    """The instructions before a site, as far back as there is no doubt about them.

    One of any 15 neighbouring bytes begins an instruction. So what all readings that begin at such
    bytes and reach the site agree about is how the code reads from its beginning.
    """
    start = max(first, site.address - _LOOK_BACK_BYTES)
    code = read(start, site.address - start)
    readings = []
    for skip in range(1 if start == first else min(LONGEST_INSTRUCTION, len(code))):
        reading = disassemble(code[skip:], start + skip)
        if sum(length for _, length, _, _ in reading) == len(code) - skip:
            readings.append(reading)
    if not readings:
        return ()
    agreed = set(readings[0]).intersection(*readings[1:])
    return [instruction for instruction in readings[0] if instruction in agreed]


def _backward(
    site: Site, code: SiteCode, before: Sequence[Decoded], read: Callable[[int, int], bytes]
) -> Window | None:
    starts: list[int] = []
    at = site.address
    for address, length, mnemonic, operands in reversed(before):
        if address + length != at or not is_movable(mnemonic, operands):
            return None
        if mnemonic == "nop":  # padding before a place that is branched to
            return None
        starts.insert(0, address)
        at = address
        if site.address - at >= JUMP_BYTES:
            moved = read(at, site.address - at)
            after = site.address + site.length
            return Window(at, site.address, tuple(starts), site.address, after, code, moved, b"")
    return None


def _forward(
    site: Site,
    code: SiteCode,
    read: Callable[[int, int], bytes],
    last: int,
    disassemble: Disassemble,
) -> Window | None:
    after = end = site.address + site.length
    starts = [site.address]
    for address, length, mnemonic, operands in disassemble(
        read(after, min(_MOVED_MAX, last - after)), after
    ):
        if not is_movable(mnemonic, operands):
            return None
        starts.append(address)
        end = address + length
        if end - site.address >= JUMP_BYTES:
            rest = read(after, end - after)
            return Window(site.address, end, tuple(starts), site.address, after, code, b"", rest)
    return None


def is_movable(mnemonic: str, operands: str) -> bool:
    """Whether an instruction does the same anywhere and cannot fault."""
    text = f"{mnemonic} {operands}".strip()
    return _MOVABLE.fullmatch(text) is not None and not _FORBIDDEN.search(operands)


class TrampolinePlaces:
    """Gives out addresses in ``[start, end)``, of which no part is used twice."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end
        self._used: set[int] = set()

    def place(self, window: Window) -> int | None:
        """An address for the trampoline of ``window``; None when none fits."""
        traps = {start - window.start - 1 for start in window.starts} & {0, 1, 2, 3}
        origin = window.start + JUMP_BYTES
        for relative in _relatives(self._start - origin, traps):
            address = origin + relative
            if address + TRAMPOLINE_BYTES > self._end or relative > _REL_MAX:
                return None
            granules = range(address >> 5, (address + TRAMPOLINE_BYTES + 31) >> 5)
            if self._used.isdisjoint(granules):
                self._used.update(granules)
                return address
        return None


def _relatives(least: int, traps: set[int]) -> Iterator[int]:
    """Jump distances from ``least`` on, ascending, with trapping bytes at the indices ``traps``."""
    relative = least
    while relative <= _REL_MAX:
        for index in sorted(traps, reverse=True):
            low = 1 << 8 * index
            byte = relative // low & 0xFF
            if byte in TRAPPING:
                continue
            better = next((value for value in TRAPPING if value > byte), None)
            above = relative // (low << 8) * (low << 8)
            relative = above + (better * low if better is not None else low << 8)
            break
        else:
            yield relative
            relative += 1 if 0 in traps else 32


def jump_bytes(window: Window, trampoline: int) -> bytes:
    """What replaces a window: the jump, and breakpoints where it is longer."""
    relative = trampoline - window.start - JUMP_BYTES
    jump = b"\xe9" + struct.pack("<i", relative)
    return jump.ljust(window.end - window.start, bytes((_BREAKPOINT,)))


@dataclass(frozen=True, slots=True)
class Trampoline:
    """A trampoline's bytes. The site is ``trap`` for whatever the agent does not do, and ``after``
    where it goes on; both are in the guest's own code unless the window holds the site."""

    data: bytes
    trap: int
    after: int


def trampoline(window: Window, address: int, index: int, entry: int, saved_rax: int) -> Trampoline:
    """The trampoline at ``address`` for site number ``index``.

    It enters the agent at ``entry`` with the guest's RAX stored at ``saved_rax``.
    """
    head = (
        window.moved
        + b"\x48\xa3"  # movabs %rax, saved_rax
        + struct.pack("<Q", saved_rax)
        + b"\xb8"  # mov $index, %eax
        + struct.pack("<I", index)
        + b"\xff\x25\0\0\0\0"  # jmp *0(%rip)
        + struct.pack("<Q", entry)
    )
    if not window.is_inside:
        return Trampoline(_fit(head), window.site, window.after)
    trap = address + len(head)
    after = trap + 1
    back = window.end - (after + len(window.rest) + JUMP_BYTES)
    tail = bytes((_BREAKPOINT,)) + window.rest + b"\xe9" + struct.pack("<i", back)
    return Trampoline(_fit(head + tail), trap, after)


def _fit(data: bytes) -> bytes:
    assert len(data) <= TRAMPOLINE_BYTES, data
    return data.ljust(TRAMPOLINE_BYTES, bytes((_BREAKPOINT,)))
