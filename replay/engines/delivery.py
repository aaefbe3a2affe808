"""Exceptions through the guest's own IDT, for engines that have no hardware to deliver them.

The gate, the stack switch, the frame and the escalation to double and triple fault are done here
from guest memory, as Intel SDM volume 3 chapter 6 has them for ring 0 in 64-bit mode.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from monitors.ports import TripleFault
from replay.engines.paging import PageFault, is_canonical, translate
from replay.engines.ram import PAGE_BYTES

_DF, _TS, _NP, _SS, _GP, _PF = 8, 10, 11, 12, 13, 14
_CONTRIBUTORY = frozenset((0, 10, 11, 12, 13))
_TRAPS = frozenset((1, 3, 4))
_FLAG_RF = 0x10000
_CLEARED_BY_ENTRY = 0x100 | 0x4000 | _FLAG_RF | 0x20000  # TF, NT, RF, VM
_INTERRUPT_GATE, _TRAP_GATE = 0xE, 0xF
_FLAG_IF = 0x200
_ERROR_IN_TABLE_ENTRY = 2  # error code bit 1: the selector index refers to the IDT
_ERROR_EXTERNAL = 1  # error code bit 0: an earlier exception was being delivered, not `int n`
_TSS_IST1 = 0x24
_WRITE_PROTECT = 1 << 16  # CR0.WP
_MASK64 = (1 << 64) - 1


class PhysicalMemory(Protocol):
    """Guest memory by physical address; ``None`` and ``False`` where there is none."""

    def peek(self, gpa: int, size: int) -> bytes | None: ...

    def poke(self, gpa: int, data: bytes) -> bool: ...


class Processor(Protocol):
    """The registers that delivery depends on and changes."""

    def get(self, name: str) -> int: ...

    def set(self, name: str, value: int) -> None: ...

    def table(self, name: str) -> tuple[int, int, int]:
        """Selector, base and limit of ``gdtr``, ``idtr``, ``ldtr`` or ``tr``."""
        ...


@dataclass(frozen=True, slots=True)
class Raised:
    """A processor exception. ``address`` is CR2 for page faults; ``software`` means ``int n``."""

    vector: int
    error_code: int | None = None
    address: int | None = None
    software: bool = False
    next_rip: int | None = None


class Fault(Exception):
    """An instruction, or the delivery of an exception, raises ``raised`` instead of finishing."""

    def __init__(self, raised: Raised) -> None:
        self.raised = raised
        super().__init__(f"processor exception {raised.vector}")


class Delivery:
    """Delivers exceptions to the guest of one processor."""

    def __init__(self, processor: Processor, memory: PhysicalMemory) -> None:
        self._table = processor.table
        self._get, self._set = processor.get, processor.set
        self._memory = memory

    def deliver(self, raised: Raised, rip: int) -> int | TripleFault:
        """Enter the guest's handler; returns its address."""
        while True:
            try:
                return self._enter(raised, rip)
            except Fault as second:
                escalated = _escalate(raised, second.raised)
                if escalated is None:
                    return TripleFault(rip, raised.vector)
                raised = escalated

    def _enter(self, raised: Raised, rip: int) -> int:
        if raised.address is not None:
            self._set("cr2", raised.address & _MASK64)
        external = 0 if raised.software else _ERROR_EXTERNAL
        gate, kind, ist, selector = self._gate(raised, external)
        self._check_code_selector(selector, external)
        stack = self._stack(ist, external) & ~15
        if not is_canonical(gate):
            raise Fault(Raised(_GP, external))
        flags = self._get("rflags") & ~_FLAG_RF  # engines may let it stand for a while
        is_fault = not raised.software and raised.vector not in _TRAPS
        saved_rip = raised.next_rip if raised.software and raised.next_rip else rip
        frame = [self._get("ss"), self._get("rsp"), flags | (_FLAG_RF if is_fault else 0)]
        frame += [self._get("cs"), saved_rip]
        if raised.error_code is not None:
            frame.append(raised.error_code)
        stack = self._push(stack, frame, external)
        self._set("rsp", stack)
        cleared = _CLEARED_BY_ENTRY | (_FLAG_IF if kind == _INTERRUPT_GATE else 0)
        self._set("rflags", flags & ~cleared)
        self._set("cs", selector & ~3)
        return gate

    def _gate(self, raised: Raised, external: int) -> tuple[int, int, int, int]:
        _, base, limit = self._table("idtr")
        entry_error = raised.vector * 8 + _ERROR_IN_TABLE_ENTRY + external
        if raised.vector * 16 + 15 > limit:
            raise Fault(Raised(_GP, entry_error))
        raw = self._read(base + raised.vector * 16, 16)
        low, selector, ist, kind, middle, high = struct.unpack("<HHBBHI4x", raw)
        if kind & 0x1F not in (_INTERRUPT_GATE, _TRAP_GATE):
            raise Fault(Raised(_GP, entry_error))
        if not kind & 0x80:
            raise Fault(Raised(_NP, entry_error))
        return low | middle << 16 | high << 32, kind & 0xF, ist & 7, selector

    def _check_code_selector(self, selector: int, external: int) -> None:
        """As a processor checks a 64-bit gate's target: code for ring 0, 64-bit and present."""
        _, base, limit = self._table("ldtr" if selector & 4 else "gdtr")
        index, error = selector & ~7, selector & 0xFFFC | external
        if selector & ~3 == 0:
            raise Fault(Raised(_GP, external))
        if index + 7 > limit:
            raise Fault(Raised(_GP, error))
        descriptor = int.from_bytes(self._read(base + index, 8), "little")
        is_code, level, present, is_long, is_32_bit = (
            descriptor >> 43 & 3 == 3,
            descriptor >> 45 & 3,
            descriptor >> 47 & 1,
            descriptor >> 53 & 1,
            descriptor >> 54 & 1,
        )
        if not is_code or level or not is_long or is_32_bit:
            raise Fault(Raised(_GP, error))
        if not present:
            raise Fault(Raised(_NP, error))

    def _stack(self, ist: int, external: int) -> int:
        if not ist:
            return self._get("rsp")
        selector, base, limit = self._table("tr")
        at = _TSS_IST1 + 8 * (ist - 1)
        if at + 7 > limit:
            raise Fault(Raised(_TS, selector & 0xFFFC | external))
        return int.from_bytes(self._read(base + at, 8), "little")

    def _read(self, gva: int, size: int) -> bytes:
        return b"".join(
            self._read_within_page(at, length) for at, length in _page_pieces(gva, size)
        )

    def _read_within_page(self, gva: int, size: int) -> bytes:
        raw = self._memory.peek(self._physical(gva & _MASK64, write=False), size)
        if raw is None:
            raise Fault(Raised(_PF, 0, gva))
        return raw

    def _push(self, stack: int, values: Sequence[int], external: int) -> int:
        """Push ``values``; returns the new stack pointer. What lies in one page is written or
        faults as a whole."""
        bottom = stack - 8 * len(values)
        if bottom // PAGE_BYTES == (stack - 1) // PAGE_BYTES:
            self._store(bottom & _MASK64, struct.pack(f"<{len(values)}Q", *values[::-1]), external)
            return bottom & _MASK64
        for value in values:
            stack -= 8
            self._store(stack & _MASK64, struct.pack("<Q", value), external)
        return stack & _MASK64

    def _store(self, gva: int, data: bytes, external: int) -> None:
        last = gva + len(data) - 8  # the first word pushed, which faults first
        if not is_canonical(last):
            raise Fault(Raised(_SS, external))
        if not self._memory.poke(self._physical(last, write=True) - (last - gva), data):
            raise Fault(Raised(_PF, 2, last))

    def _physical(self, gva: int, *, write: bool) -> int:
        if not is_canonical(gva):
            raise Fault(Raised(_GP, 0))
        checks_write = write and bool(self._get("cr0") & _WRITE_PROTECT)
        place = translate(self._memory.peek, self._get("cr3"), gva, write=checks_write)
        if isinstance(place, PageFault):
            code = place.error_code | (2 if write else 0)
            raise Fault(Raised(_PF, code, place.gva))
        return place


def _page_pieces(gva: int, size: int) -> list[tuple[int, int]]:
    first = min(size, 4096 - gva % 4096)
    return [(gva, first), (gva + first, size - first)] if first < size else [(gva, size)]


def _escalate(first: Raised, second: Raised) -> Raised | None:
    """SDM table 6-5: deliver the second exception, a double fault, or (None) shut down."""
    if first.vector == _DF:
        return None
    both_contributory = first.vector in _CONTRIBUTORY and second.vector in _CONTRIBUTORY
    after_page_fault = first.vector == _PF and second.vector in _CONTRIBUTORY | {_PF}
    if both_contributory or after_page_fault:
        return Raised(_DF, 0)
    return second
