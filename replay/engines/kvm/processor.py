"""The registers of a guest under KVM by the names that all engines use.

General, segment and control registers are read and changed in the page that the vCPU shares with
its user (KVM_CAP_SYNC_REGS), which costs no call of the kernel; the others by ioctls.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from monitors.ports import Registers
from replay.engines.fxsave import (
    AFTER_RESET,
    FLOATING,
    FXSAVE_BYTES,
    pack_fxsave,
    unpack_fxsave,
)
from replay.engines.kvm import api
from replay.engines.kvm.msrs import NUMBERS
from replay.engines.kvm.vcpu import VirtualProcessor

_GENERAL_AT = {name: api.REGS_AT + 8 * index for index, name in enumerate(api.GENERAL)}
RIP_AT, RFLAGS_AT, RAX_AT = (_GENERAL_AT[name] for name in ("rip", "rflags", "rax"))
_SEGMENT_AT = {name: api.SREGS_AT + 24 * index for index, name in enumerate(api.SEGMENTS)}
_SELECTOR_IN_SEGMENT = 12
_TABLE_AT = {"gdtr": api.SREGS_AT + api.GDT_AT, "idtr": api.SREGS_AT + api.IDT_AT}
_CONTROL_AT = {
    name: api.SREGS_AT + api.CONTROL_AT + 8 * index for index, name in enumerate(api.CONTROL_NAMES)
}
_SELECTORS = ("cs", "ss", "ds", "es", "fs", "gs", "tr")
_CONTROLS = ("cr0", "cr2", "cr3", "cr4", "cr8", "efer")
_SREGS = frozenset(
    (
        *_SELECTORS,
        *_CONTROLS,
        *("fs_base", "gs_base", "tr_base", "tr_limit"),
        *("gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit"),
    )
)
_XSTATE_BV_AT = 512
_X87_AND_SSE = 3
_FLAG_TF, _FLAG_RF = 0x100, 0x10000
_ALWAYS_SET = 2

_QUAD, _HALF, _SHORT = struct.Struct("<Q"), struct.Struct("<I"), struct.Struct("<H")
_CODE, _DATA, _TASK = 0xB, 0x3, 0xB  # types: execute/read, read/write, busy; all accessed

ReadVirtual = Callable[[int, int], bytes | None]


class Processor:
    """One guest's registers. What is asked for here is as of the last exit."""

    def __init__(self, vcpu: VirtualProcessor) -> None:
        self._vcpu = vcpu
        self._page = vcpu.page
        self._page[api.VALID_REGS_AT] = api.SYNC_ALL
        self._dirty = 0
        self._floating: dict[str, int] = {}

    def left(self) -> None:
        """The guest has run: nothing that was read before is true any more."""
        self._dirty = 0
        if self._floating:
            self._floating = {}

    def get(self, name: str) -> int:
        """One register."""
        if name in _GENERAL_AT:
            value: int = _QUAD.unpack_from(self._page, _GENERAL_AT[name])[0]
            return value & ~_FLAG_RF if name == "rflags" else value
        if name in _SREGS:
            return self._special(name)
        if name in FLOATING:
            return self._floating_state()[name]
        return self._vcpu.msrs([NUMBERS[name]])[0]

    def set(self, name: str, value: int) -> None:
        """Change one register."""
        if name in _GENERAL_AT:
            _QUAD.pack_into(self._page, _GENERAL_AT[name], value)
            self._mark(api.SYNC_REGS)
        elif name in _SREGS:
            self._set_special(name, value)
            self._mark(api.SYNC_SREGS)
        elif name in FLOATING:
            self._set_floating({**self._floating_state(), name: value})
        elif name in NUMBERS:
            self._vcpu.set_msrs({NUMBERS[name]: value})

    def load(self, values: Registers) -> None:
        """Take over a complete state; what it does not name is as after a reset."""
        page = self._page
        page[api.REGS_AT : api.SREGS_AT] = bytes(api.SREGS_AT - api.REGS_AT)
        page[api.SREGS_AT : api.SREGS_AT + api.SREGS_BYTES] = bytes(api.SREGS_BYTES)
        page[api.EVENTS_AT : api.EVENTS_AT + api.EVENTS_BYTES] = bytes(api.EVENTS_BYTES)
        for name in api.SEGMENTS:
            page[_SEGMENT_AT[name] : _SEGMENT_AT[name] + 24] = _segment(name)
        for name, value in values.items():
            if name not in FLOATING and name not in NUMBERS:
                self.set(name, value)
        self.set("rflags", values["rflags"] | _ALWAYS_SET)
        self._set_floating({**AFTER_RESET, **{n: v for n, v in values.items() if n in FLOATING}})
        self._vcpu.set_msrs({number: values.get(name, 0) for name, number in NUMBERS.items()})
        self._mark(api.SYNC_ALL)

    def all(self) -> dict[str, int]:
        """Every register that engines report."""
        values = dict(zip(api.GENERAL, api.REGS.unpack_from(self._page, api.REGS_AT), strict=True))
        values["rflags"] &= ~_FLAG_RF
        values |= {name: self._special(name) for name in sorted(_SREGS)}
        values |= dict(zip(NUMBERS, self._vcpu.msrs(list(NUMBERS.values())), strict=True))
        return values | self._floating_state()

    def inject(self, vector: int, error_code: int | None = None) -> None:
        """Raise an exception when the guest is entered (asm/kvm.h, struct kvm_vcpu_events)."""
        has_code = error_code is not None
        head = struct.pack("<4BI", 1, vector, has_code, 0, error_code or 0)
        self._page[api.EVENTS_AT : api.EVENTS_AT + len(head)] = head
        self._mark(api.SYNC_EVENTS)

    def is_sane(self) -> bool:
        """Whether the processor still is where a guest can be: after a shutdown some hosts reset
        it."""
        return self._special("cr0") >> 31 == 1 and bool(self._special("efer") & 0x400)

    def _mark(self, kind: int) -> None:
        self._dirty |= kind
        self._page[api.DIRTY_REGS_AT] = self._dirty

    def _special(self, name: str) -> int:
        layout, at = _special_place(name)
        value: int = layout.unpack_from(self._page, at)[0]
        return value

    def _set_special(self, name: str, value: int) -> None:
        layout, at = _special_place(name)
        layout.pack_into(self._page, at, value)
        if name == "cr8":
            _QUAD.pack_into(self._page, api.CR8_AT, value)

    def _floating_state(self) -> dict[str, int]:
        if not self._floating:
            self._floating = unpack_fxsave(self._vcpu.xsave())
        return self._floating

    def _set_floating(self, values: Mapping[str, int]) -> None:
        area = self._vcpu.xsave()
        area[:FXSAVE_BYTES] = pack_fxsave(values)
        area[_XSTATE_BV_AT] |= _X87_AND_SSE
        self._vcpu.set_xsave(area)
        self._floating = dict(values)


def _special_place(name: str) -> tuple[struct.Struct, int]:
    """Layout and place of a value in ``struct kvm_sregs`` of the shared page."""
    if name in _CONTROL_AT:
        return _QUAD, _CONTROL_AT[name]
    register, _, part = name.partition("_")
    if register in _TABLE_AT:
        at = _TABLE_AT[register]
        return (_QUAD, at) if part == "base" else (_SHORT, at + 8)
    at = _SEGMENT_AT[register]
    if part:
        return (_QUAD, at) if part == "base" else (_HALF, at + 8)
    return _SHORT, at + _SELECTOR_IN_SEGMENT


def _segment(name: str) -> bytes:
    """A flat segment; selectors, bases and the task's limit are filled in later."""
    if name == "ldt":
        return api.SEGMENT.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
    if name == "tr":
        return api.SEGMENT.pack(0, 0, 0, _TASK, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    is_code = name == "cs"
    kind = _CODE if is_code else _DATA
    return api.SEGMENT.pack(0, (1 << 32) - 1, 0, kind, 1, 0, not is_code, 1, is_code, 1, 0, 0, 0)
