"""A virtual processor that follows a transcript of ``kvm_run`` pages instead of running a guest.

It keeps the rules of KVM that differ between hosts: where RIP is at the exit of an OUT, and what
follows a step over one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from replay.engines.kvm import api
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.processor import RIP_AT
from replay.engines.kvm.vm import Slot

PAGE_BYTES = 3 * 4096
IO_DATA_AT = 4096
ENTRIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Leave:
    """One exit: reason, detail, and where RIP is; ``length`` is that of an instruction that KVM has
    yet to finish, after which ``after`` says what registers have changed."""

    reason: int
    detail: bytes = b""
    rip: int = 0
    length: int = 0
    data: bytes = b""
    error: OSError | None = None
    sets: Mapping[str, int] = field(default_factory=dict)


@dataclass
class ScriptedVcpu:
    """See the module. ``entered`` notes what was dirty at each entry."""

    transcript: list[Leave]
    page: bytearray = field(default_factory=lambda: bytearray(PAGE_BYTES))
    area: bytearray = field(default_factory=lambda: bytearray(api.XSAVE_BYTES))
    entered: list[int] = field(default_factory=list)
    debug: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    values: dict[int, int] = field(default_factory=dict)
    pending: tuple[int, int] | None = None
    signals: int = 0
    is_closed: bool = False
    step_ends_in_debug_exit: bool = True

    @property
    def rip(self) -> int:
        return int(struct.unpack_from("<Q", self.page, RIP_AT)[0])

    def enter(self) -> None:
        self.entered.append(self.page[api.DIRTY_REGS_AT])
        assert len(self.entered) < ENTRIES_MAX, "somebody enters the guest for ever"
        self.page[api.DIRTY_REGS_AT] = 0
        if self._finish() and self._is_stepping() and self.step_ends_in_debug_exit:
            self._put(Leave(ExitReason.DEBUG, api.DEBUG.pack(1, self.rip, 0x4000, 0), self.rip))
            return
        if self.page[api.IMMEDIATE_EXIT_AT]:
            self._reason(ExitReason.INTR)
            raise InterruptedError
        leave = self.transcript.pop(0)
        self._put(leave)
        if leave.error is not None:
            raise leave.error

    def xsave(self) -> bytearray:
        return bytearray(self.area)

    def set_xsave(self, area: bytes | bytearray) -> None:
        self.area = bytearray(area)

    def msrs(self, numbers: Sequence[int]) -> Sequence[int]:
        return [self.values.get(number, 0) for number in numbers]

    def set_msrs(self, values: Mapping[int, int]) -> None:
        self.values.update(values)

    def set_guest_debug(self, control: int, registers: Sequence[int]) -> None:
        self.debug.append((control, tuple(registers)))

    def set_signals(self, signals: int) -> None:
        self.signals = signals

    def close(self) -> None:
        self.is_closed = True

    def _is_stepping(self) -> bool:
        return bool(self.debug and self.debug[-1][0] & api.DEBUG_SINGLESTEP)

    def _finish(self) -> bool:
        """KVM skips an instruction at the next entry, if nobody has moved RIP meanwhile."""
        pending, self.pending = self.pending, None
        if pending is None:
            return False
        if self.rip == pending[0]:
            struct.pack_into("<Q", self.page, RIP_AT, sum(pending))
        return True

    def _put(self, leave: Leave) -> None:
        self._reason(leave.reason)
        self.page[api.DETAIL_AT : api.DETAIL_AT + len(leave.detail)] = leave.detail
        self.page[IO_DATA_AT : IO_DATA_AT + len(leave.data)] = leave.data
        for name, value in leave.sets.items():
            at = api.REGS_AT + 8 * api.GENERAL.index(name)
            struct.pack_into("<Q", self.page, at, value)
        struct.pack_into("<Q", self.page, RIP_AT, leave.rip)
        if leave.length:
            self.pending = leave.rip, leave.length

    def _reason(self, reason: int) -> None:
        struct.pack_into("<I", self.page, api.EXIT_REASON_AT, reason)


@dataclass
class ScriptedMachine:
    """A virtual machine around a scripted processor."""

    vcpu: ScriptedVcpu
    slots: list[tuple[list[Slot], int]] = field(default_factory=list)
    dirty: list[int] = field(default_factory=list)
    is_closed: bool = False

    def set_memory(self, slots: Sequence[Slot], flags: int = 0) -> None:
        self.slots.append((list(slots), flags))

    def dirty_pages(self) -> list[int]:
        return self.dirty

    def close(self) -> None:
        self.is_closed = True
        self.vcpu.close()


def port_exit(port: int, *, size: int = 4, direction: int = api.IO_OUT) -> bytes:
    return api.IO.pack(direction, size, port, 1, IO_DATA_AT)


@pytest.fixture
def leave() -> Callable[..., Leave]:
    return Leave


@pytest.fixture
def scripted() -> Callable[[list[Leave]], ScriptedMachine]:
    return lambda transcript: ScriptedMachine(ScriptedVcpu(transcript))


@pytest.fixture
def port_detail() -> Callable[..., bytes]:
    return port_exit
