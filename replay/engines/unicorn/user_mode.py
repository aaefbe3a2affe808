"""A guest in user mode: privilege level 3 under page tables and a GDT that it cannot see.

Both lie in physical memory far above the guest's, and map exactly what the protections allow; so
rights, page faults and privileged instructions are Unicorn's own. The guest cannot leave 64-bit
mode (the GDT has no 32-bit code segment), cannot read performance counters, and reads by sgdt,
sidt, sldt, str and smsw what Linux makes up on processors with UMIP, but for the GDT's limit.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence

from monitors.ports import Protection, Registers, SystemCall, UserFault
from replay.engines.delivery import Raised
from replay.engines.errors import EngineFailure
from replay.engines.sites import Site, SiteKind
from replay.engines.unicorn import registers
from replay.engines.unicorn.callbacks import Reason, State
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.user_tables import (
    GDT_GPA,
    GDT_GVA,
    HIDDEN_GPA,
    STUB_ENTRY_GPA,
    STUB_GVA,
    hidden_pages,
)

_DB, _BP, _OF, _UD, _GP, _PF = 1, 3, 4, 6, 13, 14
_LEGACY_CALL = 0x80
_IN_IDT = 2  # error code bit 1: the selector index refers to the IDT
_PRESENT, _BY_USER = 1, 4
_KERNEL_HALF = 1 << 63

# Null, unused, kernel code and data, unused, then user data and code where Linux has them.
_GDT = struct.pack(
    "<7Q",
    *(0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF),
    *(0, 0x00CFF3000000FFFF, 0x00AFFB000000FFFF),
)
_IRETQ = b"\x48\xcf"
_FRAME_OFFSET = 0x100
_KERNEL_STATE = {
    **dict.fromkeys(("idtr_limit", "tr_base", "tr_limit", "ldtr", "cr2"), 0),
    "idtr_base": 0xFFFF_FFFF_FFFF_0000,
    "tr": 0x40,
    "cs": 0x10,
    "ss": 0x18,
    "gdtr_base": GDT_GPA,
    "gdtr_limit": len(_GDT) - 1,
    "cr0": 0x80050033,  # PE MP ET NE WP AM PG
    "cr3": HIDDEN_GPA,
    "cr4": 0x620,  # PAE OSFXSR OSXMMEXCPT
    "efer": 0xD00,  # LME LMA NXE
    "rflags": 0x2,
    "rsp": STUB_GVA + _FRAME_OFFSET,
}
_SHOWN_AS_LOADED = frozenset(
    (
        *("cs", "ss", "cr0", "cr2", "cr3", "cr4", "cr8", "tr", "tr_base", "tr_limit"),
        *("gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit"),
        *("efer", "star", "lstar", "sfmask", "kernel_gs_base"),
    )
)
_PRIVILEGED_KINDS = frozenset((SiteKind.OUT, SiteKind.IN, SiteKind.HLT, SiteKind.RDMSR))
_PRIVILEGED = frozenset(("mov", "wrmsr", "sysret", "sysretq", "sysexit", "sysexitq", "rdpmc"))
_NO_SUCH_REGISTER = re.compile(r"mov cr(?!(?:0|2|3|4|8),)")
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


def is_user_state(values: Registers) -> bool:
    """Whether a complete state is one of user mode."""
    return values["cs"] & 3 == 3


class UserMode:
    """Keeps one Unicorn instance at level 3, and says what becomes of a guest's exceptions."""

    def __init__(
        self, instance: Instance, ram_size: int, protections: Sequence[Protection]
    ) -> None:
        self._instance = instance
        self._pages = hidden_pages(ram_size, protections, _GDT, _IRETQ)
        self.shown_instead: Registers = {}
        """What registers that only a kernel sees show, as they were loaded."""
        instance.uc.mem_map(HIDDEN_GPA, len(self._pages))

    def load(self, values: Registers, state: State, forget_exception: Callable[[], None]) -> None:
        """Take over a complete state, by an ``iretq`` to where level 3 can execute nothing.

        Raises ``EngineFailure`` when it does not lead there.
        """
        uc = self._instance.uc
        self.shown_instead = {name: values.get(name, 0) for name in _SHOWN_AS_LOADED}
        frame = (STUB_GVA, values["cs"], values["rflags"], values["rsp"], values["ss"])
        uc.mem_write(HIDDEN_GPA, self._pages)
        registers.load_state(uc, {**values, **_KERNEL_STATE})
        uc.reg_write(registers.GDTR_ID, (0, GDT_GVA, len(_GDT) - 1, 0))
        uc.mem_write(GDT_GPA + (STUB_GVA - GDT_GVA) + _FRAME_OFFSET, struct.pack("<5Q", *frame))
        forget_exception()
        state.reason = Reason.VET
        while state.reason == Reason.VET:  # the stub's block, as any other that is new
            state.reason = Reason.NONE
            self._instance.start(STUB_GVA)
        if (state.reason, state.detail, state.rip) != (Reason.EXCEPTION, _PF, STUB_GVA):
            raise EngineFailure(f"Unicorn did not enter user mode: it stands at {state.rip:#x}")
        forget_exception()
        uc.mem_write(STUB_ENTRY_GPA, bytes(8))
        self._instance.set("cr3", HIDDEN_GPA)  # also forgets what the processor knew of the stub
        for name in ("ds", "es", "fs_base", "gs_base"):
            self._instance.set(name, values.get(name, 0))

    def shown(self, values: dict[str, int]) -> dict[str, int]:
        """The registers, those of them that only a kernel sees as they were loaded."""
        return {**values, **self.shown_instead}

    def settable(self, values: Registers) -> Registers:
        """Those registers of ``values`` that a process has."""
        return {name: value for name, value in values.items() if name not in _SHOWN_AS_LOADED}

    def judge(self, site: Site) -> SystemCall | Raised | None:
        """What comes of an instruction that is not for level 3, or calls the kernel; ``None`` for
        all others."""
        mnemonic = site.text.split(maxsplit=1)[0]
        if mnemonic in ("syscall", "sysenter"):
            return self._call(_behind(site), legacy=mnemonic == "sysenter")
        if _NO_SUCH_REGISTER.match(site.text):
            return Raised(_UD)
        if site.kind in _PRIVILEGED_KINDS or mnemonic in _PRIVILEGED:
            return Raised(_GP, 0)
        return None

    def fault(self, raised: Raised, rip: int) -> UserFault | SystemCall:
        """What the exception becomes that the instruction at ``rip`` has raised."""
        if raised.software:
            return self._software_interrupt(raised, rip)
        if raised.vector != _PF:
            return UserFault(rip, raised.vector, raised.error_code or 0)
        address = self._instance.get("cr2")
        known = _PRESENT if address & _KERNEL_HALF else 0  # as Linux keeps its own layout to itself
        return UserFault(rip, _PF, (raised.error_code or 0) | _BY_USER | known, address)

    def _software_interrupt(self, raised: Raised, rip: int) -> UserFault | SystemCall:
        """``int n`` is allowed for the vectors 3, 4 and 0x80, and the one-byte ``int1`` always."""
        behind = raised.next_rip or rip
        if raised.vector == _LEGACY_CALL:
            return self._call(behind, legacy=True)
        if raised.vector in (_BP, _OF) or (raised.vector == _DB and behind - rip == 1):
            return UserFault(behind, raised.vector)
        return UserFault(rip, _GP, raised.vector * 8 + _IN_IDT)

    def _call(self, behind: int, *, legacy: bool) -> SystemCall:
        get = self._instance.get
        first, second, third, fourth, fifth, sixth = (get(name) for name in _ARGUMENTS)
        arguments = (first, second, third, fourth, fifth, sixth)
        return SystemCall(get("rax"), arguments, behind, get("rflags"), legacy)


def _behind(site: Site) -> int:
    return site.address + site.length
