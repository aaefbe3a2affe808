"""The registers that a native guest believes it has.

General, x87 and SSE registers are the traced process's own. A guest in ring 0 owns besides what a
process cannot: selectors, descriptor tables, control registers and most flags. Those are numbers
kept here, and the engine acts as if they were in force.
"""

from __future__ import annotations

from monitors.ports import Registers
from replay.engines.fxsave import FLOATING, STACK, XMM, pack_fxsave, unpack_fxsave
from replay.engines.native.ptrace import INDEX, NO_SYSTEM_CALL, ORIG_RAX, RIP, Tracee

GENERAL = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *(f"r{number}" for number in range(8, 16)),
)
SELECTORS = ("cs", "ss", "ds", "es", "fs", "gs")
FLAG_TF, FLAG_IF, FLAG_NT = 0x100, 0x200, 0x4000

_REAL = (*GENERAL, "rip", "fs_base", "gs_base")
_VIRTUAL = (
    *SELECTORS,
    *("cr0", "cr2", "cr3", "cr4", "cr8"),
    *("gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "tr", "tr_base", "tr_limit"),
    *("efer", "star", "lstar", "sfmask", "kernel_gs_base"),
)
_HIDDEN = {
    **dict.fromkeys(("ldtr", "ldtr_base", "ldtr_limit", "dr0", "dr1", "dr2", "dr3"), 0),
    **dict.fromkeys(("cstar", "sysenter_cs", "sysenter_esp", "sysenter_eip"), 0),
    "dr6": 0xFFFF0FF0,
    "dr7": 0x400,
}
_INDEX_OF = {name: INDEX[name] for name in _REAL}
_NEAR = {name: index for name, index in _INDEX_OF.items() if index <= RIP}
_FLAGS = INDEX["rflags"]
_REAL_FLAGS = 0xCD5  # CF PF AF ZF SF DF OF: the rest is the host's
_ALWAYS_SET = 2

_EMPTY_TAGS = 0xFFFF


class Processor:
    """One guest's registers, on top of a traced process.

    ``words`` are the process's, by the indexes of ``ptrace``. What has changed of them is stored
    before it runs.
    """

    def __init__(self, tracee: Tracee) -> None:
        self._tracee = tracee
        self.words = tracee.registers
        self._changed = False
        self._far_changed = False
        self._moved = False
        self.virtual: dict[str, int] = dict.fromkeys(_VIRTUAL, 0) | _HIDDEN
        self.flags = 0
        self._floating: dict[str, int] = {}
        self._floating_changed = False

    @property
    def rflags(self) -> int:
        """The guest's flags."""
        return self.words[_FLAGS] & _REAL_FLAGS | self.flags | _ALWAYS_SET

    @property
    def user_mode(self) -> bool:
        """Whether the guest is where a process is: at privilege level 3."""
        return self.virtual["cs"] & 3 == 3

    def load(self, values: Registers) -> None:
        """Take over a complete state; what it does not name is as after a reset."""
        self._tracee.fetch()
        self._floating = {"fcw": 0x37F, "mxcsr": 0x1F80, "fsw": 0, "ftw": _EMPTY_TAGS}
        self._floating.update(dict.fromkeys((*STACK, *XMM), 0))
        self._floating_changed = True
        self.update(values)

    def update(self, values: Registers) -> None:
        """Change some registers."""
        words, near = self.words, _NEAR
        for name, value in values.items():
            if name in near:
                words[near[name]] = value
            else:
                self.set(name, value)
        self._changed = True

    def go_to(self, rip: int) -> None:
        """Change RIP."""
        self.words[RIP] = rip
        self._moved = True

    def store(self) -> None:
        """Give the process what has changed."""
        if self._changed or (self._moved and self.words[ORIG_RAX] != NO_SYSTEM_CALL):
            self.words[ORIG_RAX] = NO_SYSTEM_CALL
            if self._far_changed:
                self._tracee.store()
            else:
                self._tracee.store_near()
            self._changed = self._far_changed = self._moved = False
        elif self._moved:
            self._tracee.store_rip()
            self._moved = False
        if self._floating:
            if self._floating_changed:
                self._tracee.set_floating(pack_fxsave(self._floating))
            self._floating = {}
            self._floating_changed = False

    def fetch(self) -> int:
        """Take note of where the process has stopped; returns RIP."""
        return self._tracee.fetch()[RIP]

    def get(self, name: str) -> int:
        """One register."""
        if name in _INDEX_OF:
            return self.words[_INDEX_OF[name]]
        if name in self.virtual:
            return self.virtual[name]
        if name == "rflags":
            return self.rflags
        return self._floating_state()[name]

    def set(self, name: str, value: int) -> None:
        """Change one register."""
        if name in _INDEX_OF:
            self.words[_INDEX_OF[name]] = value
            self._changed = True
            self._far_changed |= name not in _NEAR
        elif name in self.virtual:
            self.virtual[name] = value
        elif name == "rflags":
            self.flags = value & ~(_REAL_FLAGS | _ALWAYS_SET)
            self.words[_FLAGS] = value & _REAL_FLAGS | FLAG_IF | _ALWAYS_SET
            self._changed = self._far_changed = True
        else:
            assert name in FLOATING, name
            self._floating_state()[name] = value
            self._floating_changed = True

    def table(self, name: str) -> tuple[int, int, int]:
        """Selector, base and limit of ``gdtr``, ``idtr``, ``ldtr`` or ``tr``."""
        virtual = self.virtual
        return virtual.get(name, 0), virtual[f"{name}_base"], virtual[f"{name}_limit"]

    def all(self) -> dict[str, int]:
        """Every register that engines report."""
        values = {name: self.words[INDEX[name]] for name in _REAL}
        values |= {name: self.virtual[name] for name in _VIRTUAL}
        values["rflags"] = self.rflags
        return values | self._floating_state()

    def _floating_state(self) -> dict[str, int]:
        if not self._floating:
            self._floating = unpack_fxsave(self._tracee.floating())
        return self._floating
