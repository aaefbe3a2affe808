"""Steps, breakpoints and watchpoints by the processor's own debug facilities (Intel SDM volume 3,
chapter 17), which KVM lends out while the guest keeps its debug registers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from monitors.ports import Breakpoint, Watched
from replay.engines.errors import NoDebugRegister
from replay.engines.kvm import api
from replay.engines.kvm.vcpu import VirtualProcessor
from replay.engines.ports import Access, Watchpoint

SLOTS_MAX = 4
_DR7_ALWAYS, _DR7_EXACT = 0x400, 0x200
_HITS = 0xF
_WRITE, _ACCESS = 1, 3
_SIZE_BITS = {1: 0, 2: 1, 4: 3, 8: 2}


class GuestDebug:
    """What KVM is told to look for, and what it found."""

    def __init__(self, vcpu: VirtualProcessor) -> None:
        self._vcpu = vcpu
        self._breakpoints: Sequence[int] = ()
        self._watchpoints: Sequence[Watchpoint] = ()
        self._control = 0
        self._is_current = True

    @property
    def needs_care(self) -> bool:
        """Whether the guest may stop for one of these, or the kernel has to be told of a change."""
        return bool(self._control or self._breakpoints or self._watchpoints)

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """Replace all; raises NoDebugRegister, and then nothing has changed."""
        _check_room(self._watchpoints, set(addresses))
        self._breakpoints = sorted(set(addresses))
        self._is_current = False

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """Replace all; raises NoDebugRegister, and then nothing has changed."""
        _check_room(watchpoints, self._breakpoints)
        self._watchpoints = tuple(watchpoints)
        self._is_current = False

    def is_breakpoint(self, rip: int) -> bool:
        """Whether the guest stands before a breakpoint."""
        return rip in self._breakpoints

    def arm(self) -> None:
        """For running, which needs the kernel only after changes."""
        is_active = self._breakpoints or self._watchpoints
        control = api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP if is_active else 0
        if self._is_current and control == self._control:
            return
        self._apply(control, self._breakpoints)

    def rest(self) -> None:
        """Let the guest run without anything of this for a while."""
        if self._control:
            self._apply(0, ())

    def arm_step(self) -> None:
        """For one instruction; KVM notes where the guest is, so this is needed every time.
        Breakpoints rest: the one at hand would stop the guest at once."""
        control = api.DEBUG_ENABLE | api.DEBUG_SINGLESTEP
        self._apply(control | (api.DEBUG_USE_HW_BP if self._watchpoints else 0), ())

    def found(self, pc: int, dr6: int) -> Breakpoint | Watched | None:
        """What a debug exit at ``pc`` was for; ``None`` when it was the end of a step."""
        hits = dr6 & _HITS
        if not hits:
            return None
        first = (hits & -hits).bit_length() - 1
        if first < len(self._watchpoints):
            return Watched(pc, self._watchpoints[first].address)
        return Breakpoint(pc)

    def _apply(self, control: int, breakpoints: Sequence[int]) -> None:
        registers = debug_registers(self._watchpoints, breakpoints)
        self._vcpu.set_guest_debug(control, registers)
        self._control = control
        self._is_current = breakpoints is self._breakpoints


def debug_registers(watchpoints: Sequence[Watchpoint], breakpoints: Sequence[int]) -> list[int]:
    """DR0 to DR7: watchpoints first, then breakpoints."""
    registers = [0] * 8
    control = _DR7_ALWAYS
    places = [(each.address, _condition(each)) for each in watchpoints]
    places += [(address, 0) for address in breakpoints]
    for number, (address, condition) in enumerate(places):
        registers[number] = address
        control |= 2 << 2 * number | condition << 16 + 4 * number | _DR7_EXACT
    registers[7] = control if places else _DR7_ALWAYS
    return registers


def _condition(watchpoint: Watchpoint) -> int:
    """The four bits of DR7; there is none for reads alone."""
    kind = _WRITE if watchpoint.access is Access.WRITE else _ACCESS
    return kind | _SIZE_BITS[watchpoint.size] << 2


def _check_room(watchpoints: Collection[Watchpoint], breakpoints: Collection[int]) -> None:
    if len(watchpoints) + len(breakpoints) > SLOTS_MAX:
        raise NoDebugRegister(SLOTS_MAX, len(watchpoints), sorted(breakpoints))
