"""Instructions that the guest's process must not execute, executed here.

The state of a processor in ring 0 is numbers to a native guest (see ``Processor``), so whatever
reads or changes it is done in Python, with the results that Unicorn's engine has. What would need a
real ring 0 is refused. Rules: Intel SDM volume 2, for the virtual processor of ``monitors.vcpu``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay.engines.delivery import Fault, Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.instruction import Operands
from replay.engines.native.memory import Space
from replay.engines.native.processor import FLAG_IF, Processor
from replay.engines.native.segments import Segments
from replay.engines.paging import is_canonical
from replay.engines.sites import Site

_UD, _GP = 6, 13
_INVALID_OPCODE, _GENERAL_PROTECTION = Raised(_UD), Raised(_GP, 0)
_U16, _U32, _U64 = 0xFFFF, (1 << 32) - 1, (1 << 64) - 1
_USER_END = 0x7FFF_FFFF_F000

_CR0_PE_PG, _CR0_NW, _CR0_CD, _CR0_TS = 1 | 1 << 31, 1 << 29, 1 << 30, 8
# WP, NE, EM and TS decide about faults that only a real ring 0 has or has not.
_CR0_IN_FORCE, _CR0_FIXED = 1 << 16 | 1 << 5 | 4 | 8, 1 << 16 | 1 << 5
_CR4_PAE, _CR4_KNOWN, _CR4_IN_FORCE = 1 << 5, 0x7BC, 0x600
_DR7_ENABLED = 0x20FF  # L0 to G3, GD
_PHYSICAL_BITS = 40

EFER = 0xC000_0080
_EFER_SCE, _EFER_LME, _EFER_LMA, _EFER_NXE = 1, 1 << 8, 1 << 10, 1 << 11
_MSR_NAMES = {
    EFER: "efer",
    0xC000_0081: "star",
    0xC000_0082: "lstar",
    0xC000_0083: "cstar",
    0xC000_0084: "sfmask",
    0xC000_0100: "fs_base",
    0xC000_0101: "gs_base",
    0xC000_0102: "kernel_gs_base",
    0x174: "sysenter_cs",
    0x175: "sysenter_esp",
    0x176: "sysenter_eip",
}
_ADDRESS_MSRS = frozenset(
    (
        *("lstar", "cstar", "fs_base", "gs_base", "kernel_gs_base"),
        *("sysenter_esp", "sysenter_eip"),
    )
)
_TSC, _TSC_AUX = 0x10, 0xC000_0103
_POPPED = 0x47FD5 | 0x200000  # all flags that POPF changes in ring 0
_POPPED_IN_USER_MODE = _POPPED & ~0x3200  # but not IF and IOPL

_OPEN_TO_USERS = frozenset((3, 4, 0x80))  # the gates that Linux gives privilege level 3
_ERROR_IN_TABLE = 2  # error code bit 1: the selector index refers to the IDT

_NO_REMEDY = "a Solo5 guest has no use for it: look for stray jumps or damaged code"
_RING_0 = "the guest would leave ring 0 or 64-bit mode, and only these are supported"
_NATIVELY = "a process cannot act as a processor in that state"
_OTHER_ENGINE = "choose --engine unicorn"


class Emulation:
    """Executes single instructions of one guest. RIP is past them afterwards.

    Everything here raises Fault for an exception instead, StopDuringEmulation for an access that
    ends the guest, or NotReproducible.
    """

    def __init__(self, processor: Processor, space: Space) -> None:
        self._cpu = processor
        self._get, self._set = processor.get, processor.set
        self._space = space
        self._segments = Segments(processor, space)
        segments = self._segments
        self.lost = False
        """The guest has left itself nothing to execute: the process must not go on."""
        self._handlers: dict[str, Callable[[Operands], None]] = {
            "mov": self._move,
            "cli": lambda _: self._set_flag(FLAG_IF, on=False),
            "sti": lambda _: self._set_flag(FLAG_IF, on=True),
            "clts": lambda _: self._set("cr0", self._get("cr0") & ~_CR0_TS),
            "lmsw": self._load_machine_status,
            "smsw": lambda o: o.write(0, self._get("cr0")),
            **dict.fromkeys(("invd", "wbinvd", "invlpg"), lambda _: None),
            "swapgs": self._swap_gs,
            "wrmsr": self._write_msr,
            "lgdt": lambda o: self._load_table("gdtr", o),
            "lidt": lambda o: self._load_table("idtr", o),
            "sgdt": lambda o: self._store_table("gdtr", o),
            "sidt": lambda o: self._store_table("idtr", o),
            "sldt": lambda o: o.write(0, self._get("ldtr")),
            "str": lambda o: o.write(0, self._get("tr")),
            "lldt": lambda o: segments.load_ldtr(o.read(0)),
            "ltr": lambda o: segments.load_tr(o.read(0)),
            **dict.fromkeys(("lss", "lfs", "lgs"), segments.load_pointer),
            **dict.fromkeys(("lar", "lsl", "verr", "verw"), segments.inspect),
            **dict.fromkeys(("pushf", "pushfq"), self._push_flags),
            **dict.fromkeys(("popf", "popfq"), self._pop_flags),
            "push": segments.push_selector,
            "pop": segments.pop_selector,
            **dict.fromkeys(("iretq",), segments.interrupt_return),
            **dict.fromkeys(("retf", "retfq"), segments.far_return),
            **dict.fromkeys(("ljmp", "jmp", "lcall", "call"), segments.far_transfer),
            **dict.fromkeys(("tzcnt", "lzcnt"), self._bit_scan),
            "int": self._interrupt,
            "int1": lambda _: self._raise_on_purpose(1),
            "int3": lambda _: self._raise_on_purpose(3),
            **dict.fromkeys(("syscall", "sysret", "sysretq"), self._system_call),
            **dict.fromkeys(("sysenter", "sysexit", "sysexitq"), self._fast_system_call),
        }
        if processor.user_mode:
            for name in _NOT_IN_USER_MODE:
                self._handlers[name] = _protect

    def execute(self, site: Site) -> None:
        """Execute the instruction at a site."""
        operands = Operands(site.code, site.address, self._cpu, self._space)
        handler = self._handlers.get(site.text.split(maxsplit=1)[0])
        if handler is None:
            why = "nobody has taught this engine to execute it in ring 0's stead"
            raise NotReproducible(site.address, site.text, why, _OTHER_ENGINE)
        self._site = site
        handler(operands)
        if handler.__name__ not in _TRANSFERS:
            self._set("rip", (site.address + site.length) & _U64)

    def read_msr(self) -> int:
        """What RDMSR of the register in ECX gives; the cycle counter is not read here."""
        number = self._get("rcx") & _U32
        if number == _TSC_AUX:
            return 0
        if number not in _MSR_NAMES:
            raise Fault(_GENERAL_PROTECTION)
        return self._get(_MSR_NAMES[number])

    # ---- control, debug and segment registers

    def _move(self, operands: Operands) -> None:
        target, source = operands.register(0), operands.register(1)
        if self._cpu.user_mode and {"cr", "dr"} & {target[:2], source[:2]}:
            raise Fault(_GENERAL_PROTECTION)
        if target[:2] in ("cr", "dr"):
            self._write_control(target, operands.read(1))
        elif source[:2] in ("cr", "dr"):
            operands.write(0, self._read_control(source))
        elif target in ("cs", "ss", "ds", "es", "fs", "gs"):
            self._segments.load(target, operands.read(1) & _U16)
        else:
            operands.write(0, self._get(source))

    def _read_control(self, name: str) -> int:
        if name in ("dr4", "dr5"):
            name = {"dr4": "dr6", "dr5": "dr7"}[name]
        if name not in self._cpu.virtual:
            raise Fault(_INVALID_OPCODE)
        return self._get(name)

    def _write_control(self, name: str, value: int) -> None:
        match name:
            case "cr0":
                self._write_cr0(value)
            case "cr3":
                _check(not value >> _PHYSICAL_BITS)
                self._write_cr3(value)
            case "cr4":
                _check(bool(value & _CR4_PAE) and not value & ~_CR4_KNOWN)
                self._keep(value & _CR4_IN_FORCE == _CR4_IN_FORCE)
                self._set("cr4", value)
            case "cr8":
                _check(value < 16)
                self._set("cr8", value)
            case "dr6" | "dr7":
                _check(value <= _U32)
                if name == "dr7" and value & _DR7_ENABLED:
                    raise self._refused("hardware breakpoints are not the guest's", _NO_REMEDY)
                self._set(name, value)
            case "cr2" | "dr0" | "dr1" | "dr2" | "dr3":
                self._set(name, value)
            case _:
                raise Fault(_INVALID_OPCODE)

    def _write_cr0(self, value: int) -> None:
        _check(value & _CR0_PE_PG == _CR0_PE_PG and value <= _U32)
        _check(not (value & _CR0_NW and not value & _CR0_CD))
        self._keep(value & _CR0_IN_FORCE == _CR0_FIXED)
        self._set("cr0", value)

    def _write_cr3(self, value: int) -> None:
        """Only the tables that the process was made after can be used. Under others the guest may
        at most fail: where its next instruction has gone, it gets no further."""
        before = self._get("cr3")
        self._set("cr3", value)
        behind = (self._site.address + self._site.length) & _U64
        if value != before and self._space.fetch_stop(behind) is None:
            self._set("cr3", before)
            raise self._refused(
                "a process cannot follow the guest's own page tables", _OTHER_ENGINE
            )
        self.lost = value != before

    def _load_machine_status(self, operands: Operands) -> None:
        value = self._get("cr0") & ~0xE | operands.read(0) & 0xF
        self._write_cr0(value)

    def _keep(self, is_possible: bool) -> None:
        if not is_possible:
            raise self._refused(_NATIVELY, _OTHER_ENGINE)

    # ---- descriptor tables and model-specific registers

    def _load_table(self, name: str, operands: Operands) -> None:
        raw = self._space.load(operands.address(0), 10)
        self._set(f"{name}_limit", int.from_bytes(raw[:2], "little"))
        self._set(f"{name}_base", int.from_bytes(raw[2:], "little"))

    def _store_table(self, name: str, operands: Operands) -> None:
        _, base, limit = self._cpu.table(name)
        data = limit.to_bytes(2, "little") + base.to_bytes(8, "little")
        self._space.store(operands.address(0), data)

    def _swap_gs(self, _operands: Operands) -> None:
        now, kept = self._get("gs_base"), self._get("kernel_gs_base")
        self._set_base("gs_base", kept)
        self._set("kernel_gs_base", now)

    def _write_msr(self, _operands: Operands) -> None:
        number, low, high = (self._get(name) & _U32 for name in ("rcx", "rax", "rdx"))
        value = high << 32 | low
        if number == _TSC or (number == _TSC_AUX and value):
            raise self._refused("the cycle counter belongs to the recording", "leave it as it is")
        if number == _TSC_AUX:
            return
        name = _MSR_NAMES.get(number)
        if name is None or (name in _ADDRESS_MSRS and not is_canonical(value)):
            raise Fault(_GENERAL_PROTECTION)
        if name in ("fs_base", "gs_base"):
            self._set_base(name, value)
        elif name == "efer":
            known = _EFER_SCE | _EFER_LME | _EFER_LMA | _EFER_NXE
            _check(bool(value & _EFER_LME) and not value & ~known)
            self._set(name, value & ~_EFER_LMA | self._get("efer") & _EFER_LMA)
        else:
            self._set(name, value)

    def _set_base(self, name: str, value: int) -> None:
        if value >= _USER_END:
            raise self._refused("a process cannot have that segment base", _OTHER_ENGINE)
        self._set(name, value)

    # ---- flags

    def _set_flag(self, flag: int, *, on: bool) -> None:
        flags = self._get("rflags")
        self._set("rflags", flags | flag if on else flags & ~flag)

    def _push_flags(self, operands: Operands) -> None:
        operands.push(self._get("rflags") & ~0x30000)

    def _pop_flags(self, operands: Operands) -> None:
        value = operands.pop()
        changed = _POPPED_IN_USER_MODE if self._cpu.user_mode else _POPPED
        if operands.width == 2:
            changed &= _U16
        self._set("rflags", self._get("rflags") & ~changed | value & changed)

    def _bit_scan(self, operands: Operands) -> None:
        """TZCNT and LZCNT are BSF and BSR on the virtual processor, which has not learnt them."""
        value = operands.read(1)
        zero = 0x40
        flags = self._get("rflags") & ~zero
        if not value:
            self._set("rflags", flags | zero)
            return
        self._set("rflags", flags)
        is_forward = self._site.text.startswith("tz")
        operands.write(0, (value & -value if is_forward else value).bit_length() - 1)

    # ---- calls

    def _interrupt(self, operands: Operands) -> None:
        vector = operands.immediate(0)
        if self._cpu.user_mode and vector not in _OPEN_TO_USERS:
            raise Fault(Raised(_GP, vector * 8 + _ERROR_IN_TABLE))
        self._raise_on_purpose(vector)

    def _raise_on_purpose(self, vector: int) -> None:
        behind = (self._site.address + self._site.length) & _U64
        raise Fault(Raised(vector, software=True, next_rip=behind))

    def _system_call(self, _operands: Operands) -> None:
        if not self._get("efer") & _EFER_SCE:
            raise Fault(_INVALID_OPCODE)
        raise self._refused(_RING_0, _NO_REMEDY)

    def _fast_system_call(self, _operands: Operands) -> None:
        if not self._get("sysenter_cs") & 0xFFFC:
            raise Fault(_GENERAL_PROTECTION)
        raise self._refused(_RING_0, _NO_REMEDY)

    def _refused(self, why: str, remedy: str) -> NotReproducible:
        return NotReproducible(self._site.address, self._site.text, why, remedy)


_TRANSFERS = frozenset(("far_return", "interrupt_return", "far_transfer"))
_NOT_IN_USER_MODE = frozenset(
    (
        *("cli", "sti", "clts", "lmsw", "smsw", "invd", "wbinvd", "invlpg", "swapgs", "wrmsr"),
        *("lgdt", "lidt", "sgdt", "sidt", "sldt", "str", "lldt", "ltr"),
        *("sysret", "sysretq", "sysexit", "sysexitq"),
    )
)


def _protect(_operands: Any) -> None:
    raise Fault(_GENERAL_PROTECTION)


def _check(is_fine: bool) -> None:
    if not is_fine:
        raise Fault(_GENERAL_PROTECTION)
