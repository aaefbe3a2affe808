"""Exceptions through the guest's own IDT, which Unicorn leaves to its user.

Unicorn reports a vector and stops. The gate, the stack switch, the frame and the escalation to
double and triple fault are done here from guest memory, as Intel SDM volume 3 chapter 6 has them
for ring 0 in 64-bit mode.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from monitors.ports import TripleFault
from replay.engines.paging import PageFault, is_canonical, translate
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn import registers
from replay.engines.unicorn.instance import Instance

_DF, _TS, _NP, _SS, _GP, _PF = 8, 10, 11, 12, 13, 14
_WITH_ERROR_CODE = frozenset((8, 10, 11, 12, 13, 14, 17, 21))
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


@dataclass(frozen=True, slots=True)
class Raised:
    """A processor exception. ``address`` is CR2 for page faults; ``software`` means ``int n``."""

    vector: int
    error_code: int | None = None
    address: int | None = None
    software: bool = False
    next_rip: int | None = None


class _Fault(Exception):
    """A second exception while delivering the first."""

    def __init__(self, raised: Raised) -> None:
        self.raised = raised


class ContextProbe:
    """Reads what Unicorn's API does not offer from a saved context: CPUX86State.error_code,
    exception_is_int and exception_next_eip lie just before dr[0], old_exception behind it."""

    _MARKS = struct.pack("<QQ", 0x5CA1AB1E0DDBA115, 0x0123456789ABCDEF)
    _OLD_EXCEPTION_BEHIND_ERROR_CODE = 16 + 64 + 32

    def __init__(self, uc: Any) -> None:
        from unicorn import x86_const

        self._uc = uc
        debug_registers = (x86_const.UC_X86_REG_DR0, x86_const.UC_X86_REG_DR1)
        before = [uc.reg_read(register) for register in debug_registers]
        for register, mark in zip(debug_registers, struct.unpack("<QQ", self._MARKS), strict=True):
            uc.reg_write(register, mark)
        self._error_code_at = bytes(uc.context_save()).index(self._MARKS) - 16
        for register, value in zip(debug_registers, before, strict=True):
            uc.reg_write(register, value)

    def pending(self) -> tuple[int, bool, int]:
        """Error code, whether ``int n`` raised it, and the address behind that instruction."""
        raw = bytes(self._uc.context_save())
        code, is_int, next_rip = struct.unpack_from("<iiQ", raw, self._error_code_at)
        return code & 0xFFFF_FFFF, bool(is_int), next_rip

    def forget_previous(self) -> None:
        """Clear ``old_exception``, which Unicorn never does: a second page fault would otherwise be
        reported as a double fault."""
        context = self._uc.context_save()
        offset = self._error_code_at + self._OLD_EXCEPTION_BEHIND_ERROR_CODE
        address = context._context.value + offset  # noqa: SLF001 (the binding offers no accessor)
        ctypes.c_int.from_address(address).value = -1
        self._uc.context_restore(context)


class ExceptionUnit:
    """Delivers exceptions to the guest of one Unicorn instance."""

    def __init__(self, instance: Instance, memory: PhysicalMemory) -> None:
        self._uc = instance.uc
        self._get, self._set = instance.get, instance.set
        self._memory = memory
        self._probe: ContextProbe | None = None

    def prepare(self) -> None:
        """Find what is hidden in a saved context, while no guest has put look-alikes there."""
        self._probe = ContextProbe(self._uc)

    def forget_previous(self) -> None:
        """See ``ContextProbe.forget_previous``."""
        assert self._probe is not None
        self._probe.forget_previous()

    def raised(self, vector: int) -> Raised:
        """The exception that Unicorn has just reported."""
        assert self._probe is not None
        code, software, next_rip = self._probe.pending()
        with_code = vector in _WITH_ERROR_CODE and not software
        return Raised(vector, code if with_code else None, None, software, next_rip)

    def deliver(self, raised: Raised, rip: int) -> int | TripleFault:
        """Enter the guest's handler; returns its address."""
        while True:
            try:
                target = self._enter(raised, rip)
            except _Fault as second:
                escalated = _escalate(raised, second.raised)
                if escalated is None:
                    return TripleFault(rip, raised.vector)
                raised = escalated
            else:
                self.forget_previous()
                return target

    def _enter(self, raised: Raised, rip: int) -> int:
        if raised.address is not None:
            self._set("cr2", raised.address & _MASK64)
        external = 0 if raised.software else _ERROR_EXTERNAL
        gate, kind, ist, selector = self._gate(raised, external)
        self._check_code_selector(selector, external)
        stack = self._stack(ist, external) & ~15
        if not is_canonical(gate):
            raise _Fault(Raised(_GP, external))
        flags = self._get("rflags") & ~_FLAG_RF  # Unicorn lets it stand until a block ends
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
        _, base, limit, _ = self._uc.reg_read(registers.IDTR_ID)
        entry_error = raised.vector * 8 + _ERROR_IN_TABLE_ENTRY + external
        if raised.vector * 16 + 15 > limit:
            raise _Fault(Raised(_GP, entry_error))
        raw = self._read(base + raised.vector * 16, 16)
        low, selector, ist, kind, middle, high = struct.unpack("<HHBBHI4x", raw)
        if kind & 0x1F not in (_INTERRUPT_GATE, _TRAP_GATE):
            raise _Fault(Raised(_GP, entry_error))
        if not kind & 0x80:
            raise _Fault(Raised(_NP, entry_error))
        return low | middle << 16 | high << 32, kind & 0xF, ist & 7, selector

    def _check_code_selector(self, selector: int, external: int) -> None:
        """As a processor checks a 64-bit gate's target: code for ring 0, 64-bit and present."""
        _, base, limit, _ = self._uc.reg_read(
            registers.LDTR_ID if selector & 4 else registers.GDTR_ID
        )
        index, error = selector & ~7, selector & 0xFFFC | external
        if selector & ~3 == 0:
            raise _Fault(Raised(_GP, external))
        if index + 7 > limit:
            raise _Fault(Raised(_GP, error))
        descriptor = int.from_bytes(self._read(base + index, 8), "little")
        is_code, level, present, is_long, is_32_bit = (
            descriptor >> 43 & 3 == 3,
            descriptor >> 45 & 3,
            descriptor >> 47 & 1,
            descriptor >> 53 & 1,
            descriptor >> 54 & 1,
        )
        if not is_code or level or not is_long or is_32_bit:
            raise _Fault(Raised(_GP, error))
        if not present:
            raise _Fault(Raised(_NP, error))

    def _stack(self, ist: int, external: int) -> int:
        if not ist:
            return self._get("rsp")
        selector, base, limit, _ = self._uc.reg_read(registers.TR_ID)
        at = _TSS_IST1 + 8 * (ist - 1)
        if at + 7 > limit:
            raise _Fault(Raised(_TS, selector & 0xFFFC | external))
        return int.from_bytes(self._read(base + at, 8), "little")

    def _read(self, gva: int, size: int) -> bytes:
        return b"".join(
            self._read_within_page(at, length) for at, length in _page_pieces(gva, size)
        )

    def _read_within_page(self, gva: int, size: int) -> bytes:
        raw = self._memory.peek(self._physical(gva & _MASK64, write=False), size)
        if raw is None:
            raise _Fault(Raised(_PF, 0, gva))
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
            raise _Fault(Raised(_SS, external))
        if not self._memory.poke(self._physical(last, write=True) - (last - gva), data):
            raise _Fault(Raised(_PF, 2, last))

    def _physical(self, gva: int, *, write: bool) -> int:
        if not is_canonical(gva):
            raise _Fault(Raised(_GP, 0))
        checks_write = write and bool(self._get("cr0") & _WRITE_PROTECT)
        place = translate(self._memory.peek, self._get("cr3"), gva, write=checks_write)
        if isinstance(place, PageFault):
            code = place.error_code | (2 if write else 0)
            raise _Fault(Raised(_PF, code, place.gva))
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
