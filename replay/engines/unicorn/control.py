"""Instructions that act on the processor's mode, tables or protection, judged before they run.

Unicorn checks less than a processor does, and what it then emulates is wrong or ends the host
process. So whatever leads out of ring 0 of 64-bit mode, where every Solo5 guest lives, is refused;
what a processor answers with an exception gets that exception; all else Unicorn executes. Rules:
Intel SDM volumes 2 and 3, for the virtual processor of ``monitors.vcpu``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from replay.engines.errors import NotReproducible
from replay.engines.operands import memory_operand
from replay.engines.paging import is_canonical
from replay.engines.sites import Site
from replay.engines.unicorn import registers
from replay.engines.unicorn.exceptions import Raised
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory

_UD, _GP = 6, 13
_GENERAL_PROTECTION = Raised(_GP, 0)
_INVALID_OPCODE = Raised(_UD)
_U32_MAX = (1 << 32) - 1

_CR0_PE_PG = 1 | 1 << 31
_CR0_NW, _CR0_CD = 1 << 29, 1 << 30
_CR4_PAE = 1 << 5
# TSD DE PSE PAE PGE PCE OSFXSR OSXMMEXCPT: what the virtual processor has.
_CR4_KNOWN = 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x200 | 0x400
_PHYSICAL_BITS = 40
_DR7_ENABLED = 0x20FF  # L0 to G3, GD

_EFER_SCE, _EFER_LME, _EFER_LMA, _EFER_NXE = 1, 1 << 8, 1 << 10, 1 << 11
_IA32_TSC, _TSC_AUX, _SYSENTER_CS = 0x10, 0xC000_0103, 0x174
_ADDRESS_MSRS = frozenset(
    # LSTAR CSTAR FS_BASE GS_BASE KERNEL_GS_BASE SYSENTER_ESP SYSENTER_EIP
    (0xC000_0082, 0xC000_0083, 0xC000_0100, 0xC000_0101, 0xC000_0102, 0x175, 0x176)
)
_PLAIN_MSRS = frozenset((0xC000_0081, 0xC000_0084, _SYSENTER_CS))  # STAR SFMASK SYSENTER_CS
_READABLE_MSRS = _ADDRESS_MSRS | _PLAIN_MSRS | {registers.EFER, _TSC_AUX}

_MXCSR_MASKS, _MXCSR_RESERVED = 0x1F80, 0xFFFF_0000
_MXCSR_IN_FXSAVE = 24
_CALL_GATE = 0xC

_RING_0_ONLY = "the guest would leave ring 0 or 64-bit mode, and only these are supported"
_NARROW_STACK = "Unicorn cuts the stack pointer short in far transfers of less than 64 bits"
_NO_REMEDY = "a Solo5 guest has no use for it: look for stray jumps or damaged code"


class ControlUnit:
    """Judges for one Unicorn instance."""

    def __init__(self, instance: Instance, memory: EngineMemory) -> None:
        self._instance = instance
        self._read_virtual = memory.read_virtual
        self._judges: dict[str, Callable[[Site], Raised | None]] = {
            "mov": self._move,
            "wrmsr": self._write_msr,
            "ldmxcsr": lambda site: self._load_mxcsr(site, 0),
            "syscall": self._system_call,
            "sysret": self._system_call,
            "sysretq": self._system_call,
            "sysenter": self._fast_system_call,
            "sysexit": self._fast_system_call,
            "sysexitq": self._fast_system_call,
            **dict.fromkeys(("iret", "iretd", "iretq", "retf", "retfq"), self._far_return),
            **dict.fromkeys(("lcall", "ljmp", "call", "jmp"), self._far_transfer),
            **dict.fromkeys(
                ("fxrstor", "fxrstor64"), lambda site: self._load_mxcsr(site, _MXCSR_IN_FXSAVE)
            ),
        }

    def judge(self, site: Site) -> Raised | None:
        """The exception that a CONTROL instruction raises; ``None`` when Unicorn may execute it.

        Raises ``NotReproducible``.
        """
        return self._judges[site.text.split(maxsplit=1)[0]](site)

    def read_msr(self) -> int | Raised:
        """What RDMSR of the register in ECX gives; the cycle counter is not read here."""
        number = self._instance.get("rcx") & _U32_MAX
        if number not in _READABLE_MSRS:
            return _GENERAL_PROTECTION
        return int(self._instance.uc.msr_read(number))

    # ---- control and debug registers

    def _move(self, site: Site) -> Raised | None:
        target, source = (word.strip() for word in site.text.split(maxsplit=1)[1].split(","))
        if source == "cr3":
            return None
        value = self._instance.get(source)
        match target:
            case "cr0":
                return _unless(_is_valid_cr0(value))
            case "cr3":
                return _unless(not value >> _PHYSICAL_BITS)
            case "cr4":
                return _unless(bool(value & _CR4_PAE) and not value & ~_CR4_KNOWN)
            case "cr8":
                return _unless(value < 16)
            case "dr6":
                return _unless(value <= _U32_MAX)
            case "dr7" if value & _DR7_ENABLED and value <= _U32_MAX:
                raise _refused(site, "Unicorn has no hardware breakpoints", _NO_REMEDY)
            case "dr7":
                return _unless(value <= _U32_MAX)
            case "cr2" | "dr0" | "dr1" | "dr2" | "dr3":
                return None
        return _INVALID_OPCODE

    # ---- model-specific registers

    def _write_msr(self, site: Site) -> Raised | None:
        number, low, high = (self._instance.get(name) & _U32_MAX for name in ("rcx", "rax", "rdx"))
        value = high << 32 | low
        if number in _ADDRESS_MSRS:
            return _unless(is_canonical(value))
        if number in _PLAIN_MSRS:
            return None
        if number == registers.EFER:
            return self._write_efer(value)
        if number == _IA32_TSC or (number == _TSC_AUX and value):
            raise _refused(site, "the cycle counter belongs to the recording", "leave it as it is")
        return None if number == _TSC_AUX else _GENERAL_PROTECTION

    def _write_efer(self, value: int) -> Raised | None:
        known = _EFER_SCE | _EFER_LME | _EFER_LMA | _EFER_NXE
        return _unless(bool(value & _EFER_LME) and not value & ~known)

    # ---- system calls

    def _system_call(self, site: Site) -> Raised | None:
        if not self._instance.uc.msr_read(registers.EFER) & _EFER_SCE:
            return _INVALID_OPCODE
        raise _refused(site, _RING_0_ONLY, _NO_REMEDY)

    def _fast_system_call(self, site: Site) -> Raised | None:
        if not self._instance.uc.msr_read(_SYSENTER_CS) & 0xFFFC:
            return _GENERAL_PROTECTION
        raise _refused(site, _RING_0_ONLY, _NO_REMEDY)

    # ---- far transfers

    def _far_return(self, site: Site) -> Raised | None:
        """The new CS lies above the new RIP on the stack."""
        if not site.text.split(maxsplit=1)[0].endswith("q"):
            raise _refused(site, _NARROW_STACK, _NO_REMEDY)
        return self._check_target(site, self._read_virtual(self._instance.get("rsp") + 8, 2))

    def _far_transfer(self, site: Site) -> Raised | None:
        """The new CS lies above the new RIP in a memory operand."""
        is_wide = _has_rex_w(site.code)
        if "call" in site.text and not is_wide:
            raise _refused(site, _NARROW_STACK, _NO_REMEDY)
        size = 8 if is_wide else 2 if 0x66 in site.code else 4
        at = memory_operand(site.code, site.address, self._instance.get)
        return self._check_target(site, None if at is None else self._read_virtual(at + size, 2))

    def _check_target(self, site: Site, raw: bytes | None, gates: int = 1) -> Raised | None:
        """Refuse a selector that leads elsewhere; one that leads nowhere faults by itself."""
        selector = int.from_bytes(raw or b"", "little")
        descriptor = self._descriptor(selector) if selector & ~7 else None
        if descriptor is None:
            return None
        kind = descriptor >> 40 & 0x1F
        if kind == _CALL_GATE and gates:
            return self._check_target(site, struct.pack("<H", descriptor >> 16 & 0xFFFF), 0)
        is_code = kind & 0x18 == 0x18
        is_long = descriptor >> 53 & 1
        if is_code and (selector & 3 or not is_long):
            raise _refused(site, _RING_0_ONLY, _NO_REMEDY)
        return None

    def _descriptor(self, selector: int) -> int | None:
        table = registers.LDTR_ID if selector & 4 else registers.GDTR_ID
        _, base, limit, _ = self._instance.uc.reg_read(table)
        index = selector & ~7
        raw = self._read_virtual(base + index, 8) if index + 7 <= limit else None
        return None if raw is None else int.from_bytes(raw, "little")

    # ---- floating point

    def _load_mxcsr(self, site: Site, offset: int) -> Raised | None:
        at = memory_operand(site.code, site.address, self._instance.get)
        raw = None if at is None else self._read_virtual(at + offset, 4)
        if raw is None:
            return None
        value = int.from_bytes(raw, "little")
        if value & _MXCSR_RESERVED:
            return _GENERAL_PROTECTION
        if value & _MXCSR_MASKS != _MXCSR_MASKS:
            why = "Unicorn raises no SSE floating-point exceptions, and this unmasks some"
            raise _refused(site, why, "keep bits 7 to 12 of MXCSR set")
        return None


def _is_valid_cr0(value: int) -> bool:
    keeps_mode = value & _CR0_PE_PG == _CR0_PE_PG and value <= _U32_MAX
    return keeps_mode and not (value & _CR0_NW and not value & _CR0_CD)


def _has_rex_w(code: bytes) -> bool:
    before = code[code.index(0xFF) - 1 : code.index(0xFF)]
    return bool(before) and before[0] & 0xF8 == 0x48


def _unless(is_fine: bool) -> Raised | None:
    return None if is_fine else _GENERAL_PROTECTION


def _refused(site: Site, why: str, remedy: str) -> NotReproducible:
    return NotReproducible(site.address, site.text, why, remedy)
