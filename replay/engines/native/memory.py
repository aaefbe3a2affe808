"""A native guest's memory: where its rights come from, and how they are put into its process.

The guest's memory is one file, mapped shared at the guest's own addresses. What the host protects
against writing is mapped private instead: patches in it stay out of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from monitors.ports import Protection, TranslationFault, UnbackedAccess
from replay.engines.delivery import Fault, Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.child import (
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
    Child,
)
from replay.engines.native.processor import Processor
from replay.engines.paging import Mapped, PageFault, flat_ranges, is_canonical, translate
from replay.engines.ram import PAGE_BYTES, GuestRam

LOWEST_GVA = 0x10000
"""Below, Linux lets no process map anything."""

_GP, _SS, _PF = 13, 12, 14
_P, _W, _U, _I = 1, 2, 4, 16  # bits of a page fault's error code
_CR0_WP = 1 << 16
_EFER_NXE = 1 << 11
_U64_MAX = (1 << 64) - 1

Stop = Raised | TranslationFault | UnbackedAccess
"""What an access leads to that the process cannot make."""


@dataclass(frozen=True, slots=True)
class Area:
    """Addresses with equal rights. ``private``: code may be patched here."""

    start: int
    end: int
    rights: int
    private: bool = False
    executable: bool = True


class Space:
    """The memory of one guest as its instructions see it. ``on_access`` is told, by start, size and
    whether it was a write, of every access that is made here for an instruction."""

    def __init__(
        self, ram: GuestRam, protections: Sequence[Protection], processor: Processor
    ) -> None:
        self.ram = ram
        self._protections = tuple(protections)
        self._read_only = tuple(p for p in protections if not p.writable)
        self._get = processor.get
        self.user_mode = processor.user_mode
        self.on_access: Callable[[int, int, bool], None] = lambda _start, _size, _write: None
        self.areas = tuple(_user_areas(ram, protections) if self.user_mode else self._areas())

    def map_into(self, child: Child, descriptor: int) -> None:
        """Map everything into the empty process of the guest."""
        for area in self.areas:
            child.map_file(
                area.start,
                area.end - area.start,
                area.rights,
                MAP_PRIVATE if area.private else MAP_SHARED,
                descriptor=descriptor,
                offset=area.start,
            )

    def area(self, gva: int) -> Area | None:
        """Where ``gva`` lies, if anything is mapped there."""
        return next((area for area in self.areas if area.start <= gva < area.end), None)

    # ---- as the processor reads and writes

    def peek(self, gpa: int, size: int) -> bytes | None:
        """Memory by physical address, or ``None`` where there is none."""
        end = gpa + size
        return bytes(self.ram.view[gpa:end]) if end <= self.ram.size else None

    def poke(self, gpa: int, data: bytes) -> bool:
        """Change memory; false where there is none or the host protects it."""
        end = gpa + len(data)
        if end > self.ram.size or self._is_protected(gpa, end):
            return False
        self.ram.view[gpa:end] = data
        self.on_access(gpa, len(data), True)
        return True

    def fetch(self, gva: int, size: int) -> bytes:
        """Up to ``size`` bytes of code at ``gva``, as far as they can be executed."""
        found = b""
        for at, length in _pieces(gva, size):
            gpa = self._place(at, write=False, fetch=True)
            if not isinstance(gpa, int):
                break
            found += self.ram.view[gpa : gpa + length]
        return found

    def fetch_stop(self, gva: int) -> Stop | None:
        """Why ``gva`` cannot be executed."""
        place = self._place(gva, write=False, fetch=True)
        return None if isinstance(place, int) else place

    def load(self, gva: int, size: int) -> bytes:
        """Read as an instruction does; raises Fault."""
        found = b""
        for at, length in _pieces(gva, size):
            gpa = self._place(at, write=False)
            if not isinstance(gpa, int):
                raise _as_exception(gpa)
            found += self.ram.view[gpa : gpa + length]
            self.on_access(gpa, length, False)
        return found

    def check_stack(self, gva: int) -> None:
        """Raise the Fault of a stack that is at no address at all."""
        if not is_canonical(gva & _U64_MAX):
            raise Fault(Raised(_SS, 0))

    def store(self, gva: int, data: bytes) -> None:
        """Write as an instruction does; raises Fault."""
        pieces = list(_pieces(gva, len(data)))
        places = [self._place(at, write=True) for at, _ in pieces]
        done = 0
        for gpa in places:
            if not isinstance(gpa, int):
                raise _as_exception(gpa)
        for gpa, (_, length) in zip(places, pieces, strict=True):
            assert isinstance(gpa, int)
            self.ram.view[gpa : gpa + length] = data[done : done + length]
            self.on_access(gpa, length, True)
            done += length

    def stop_of(self, gva: int, *, write: bool, fetch: bool = False) -> Stop | None:
        """What an access to ``gva`` that the process could not make means for the guest. ``write``
        decides only where nothing is mapped: elsewhere reading is always possible."""
        place = self._place(gva, write=write, fetch=fetch)
        if isinstance(place, int) and not (write or fetch):
            place = self._place(gva, write=True)
        return None if isinstance(place, int) else place

    def _place(self, gva: int, *, write: bool, fetch: bool = False) -> int | Stop:
        if not is_canonical(gva & _U64_MAX):
            return Raised(_GP, 0)
        return (self._user_place if self.user_mode else self._walk)(gva, write, fetch)

    def _walk(self, gva: int, write: bool, fetch: bool) -> int | Stop:
        checked = write and bool(self._get("cr0") & _CR0_WP)
        place = translate(self.peek, self._get("cr3"), gva & _U64_MAX, write=checked)
        if isinstance(place, PageFault):
            code = place.error_code | (_W if write else 0)
            if fetch and self._get("efer") & _EFER_NXE:
                code |= _I
            return Raised(_PF, code, gva)
        if place >= self.ram.size:
            return UnbackedAccess(self._get("rip"), place)
        if write and self._is_protected(place, place + 1):
            return TranslationFault(self._get("rip"), place)
        return place

    def _user_place(self, gva: int, write: bool, fetch: bool) -> int | Stop:
        area = self.area(gva)
        code = _U | (_W if write else 0) | (_I if fetch else 0)
        if area is None or not area.rights & PROT_READ:
            return Raised(_PF, code, gva)
        if (write and not area.rights & PROT_WRITE) or (fetch and not area.executable):
            return Raised(_PF, code | _P, gva)
        return gva

    def _is_protected(self, start: int, end: int) -> bool:
        return any(p.start < end and start < p.end for p in self._read_only)

    # ---- what to map

    def _areas(self) -> Iterator[Area]:
        """The guest's page tables, cut by the host's protections."""
        mapped = flat_ranges(self.peek, self._get("cr3"))
        if mapped is None or any(m.start < LOWEST_GVA or m.end > self.ram.size for m in mapped):
            raise NotReproducible(
                self._get("rip"),
                "(any)",
                "its page tables are its own, and no process can have memory as they describe",
                "choose --engine unicorn",
            )
        for area in mapped:
            yield from self._cut(area)

    def _cut(self, mapped: Mapped) -> Iterator[Area]:
        at = mapped.start
        for hole in sorted(self._read_only, key=lambda p: p.start):
            start, end = max(at, hole.start), min(mapped.end, hole.end)
            if start >= end:
                continue
            if at < start:
                yield Area(at, start, _rights(mapped.writable))
            yield Area(start, end, PROT_READ, private=True)
            at = end
        if at < mapped.end:
            yield Area(at, mapped.end, _rights(mapped.writable))


def _user_areas(ram: GuestRam, protections: Sequence[Protection]) -> Iterator[Area]:
    """A guest in user mode: its protections, and all rights where there are none."""
    edges = {LOWEST_GVA, ram.size}
    edges.update(edge for p in protections for edge in (p.start, p.end))
    inside = sorted(edge for edge in edges if LOWEST_GVA <= edge <= ram.size)
    for start, end in pairwise(inside):
        over = [p for p in protections if p.start <= start < p.end]
        if not all(p.readable for p in over):
            continue
        writable = all(p.writable for p in over)
        executable = all(p.executable for p in over)
        rights = _rights(writable)
        yield Area(start, end, rights, private=executable and not writable, executable=executable)


def _rights(writable: bool) -> int:
    return PROT_READ | PROT_WRITE if writable else PROT_READ


def with_execution(rights: int) -> int:
    """``rights``, and to execute."""
    return rights | PROT_EXEC


def _as_exception(stop: Stop) -> Exception:
    return Fault(stop) if isinstance(stop, Raised) else StopDuringEmulation(stop)


class StopDuringEmulation(Exception):
    """An emulated instruction cannot make its access, and the guest ends by that."""

    def __init__(self, exit_: TranslationFault | UnbackedAccess) -> None:
        self.exit = exit_
        super().__init__(str(exit_))


def _pieces(gva: int, size: int) -> Iterator[tuple[int, int]]:
    while size > 0:
        length = min(size, PAGE_BYTES - gva % PAGE_BYTES)
        yield gva & _U64_MAX, length
        gva, size = gva + length, size - length
