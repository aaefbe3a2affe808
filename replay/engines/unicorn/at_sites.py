"""What the Unicorn engine does at a site, before which the guest has stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod

from monitors.ports import (
    Exit,
    Hlt,
    PortRead,
    PortWrite,
    Registers,
    TrapKind,
)
from replay.engines.sites import Site, SiteKind
from replay.engines.unicorn.callbacks import State
from replay.engines.unicorn.control import ControlUnit
from replay.engines.unicorn.counting import Counting
from replay.engines.unicorn.dirty import DirtyPages
from replay.engines.unicorn.exceptions import Raised
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.site_exits import TIME_TRAPS, refusal, trap_of
from replay.engines.unicorn.user_mode import UserMode
from replay.engines.unicorn.vetting import Vetting

_UD = 6
_IA32_TSC = 0x10
_U32_MAX = (1 << 32) - 1
_U64_MAX = (1 << 64) - 1


class AtSites(ABC):
    """A part of the engine."""

    _instance: Instance
    _state: State
    _vetting: Vetting
    _counting: Counting
    _control: ControlUnit
    _dirty: DirtyPages
    _user: UserMode | None
    _pc: int

    def _stopped_at(self, address: int) -> Exit | None:
        self._pc = address
        site = self._vetting.site(address)
        if self._counting.counts:
            self._counting.before(address)
        if site is None:
            self._pass(address)
            return None
        exit_ = self._at_site(site)
        if self._pc == _behind(site):
            self._counting.runs.add(address, site.length)
        return exit_

    def _at_site(self, site: Site) -> Exit | None:
        """The exit at a site; the guest goes on behind it."""
        if self._user is not None and site.kind is SiteKind.INVALID:
            # At level 3 Unicorn ends privileged instructions before their operands, and the block.
            site = self._vetting.look(site.address) or site
        outcome = None if self._user is None else self._user.judge(site)
        if isinstance(outcome, Raised):
            return self._deliver(outcome)
        if outcome is not None:
            self._pc = outcome.rip
            return outcome
        match site.kind:
            case SiteKind.OUT | SiteKind.TRAP | SiteKind.IN | SiteKind.HLT:
                return self._cross(site)
            case SiteKind.CONTROL:
                return self._judge(site)
            case SiteKind.INVALID:
                return self._deliver(Raised(_UD))
            case SiteKind.REFUSE:
                raise refusal(site)
            case SiteKind.RDMSR:
                return self._read_msr(site)
            case SiteKind.PAUSE:
                self._skip(site)
        return None

    def _cross(self, site: Site) -> Exit:
        self._pc = _behind(site)
        match site.kind:
            case SiteKind.OUT:
                value = self._state.rax & ((1 << (8 * site.size)) - 1)
                return PortWrite(self._port(site), value, site.size)
            case SiteKind.IN:
                return PortRead(self._port(site), site.size)
            case SiteKind.HLT:
                return Hlt(site.address)
        return trap_of(site, self._instance.get)

    def _judge(self, site: Site) -> Exit | None:
        raised = self._control.judge(site)
        if raised is not None:
            return self._deliver(raised)
        if self._dirty.carry_out(site):
            self._skip(site)
            return None
        if site.text.startswith("mov cr3"):
            self._vetting.distrust_tables()
        self._pass(site.address)
        return None

    def _pass(self, address: int) -> None:
        """Let Unicorn execute the instruction at which it has been stopped."""
        state = self._state
        state.passed_site = state.hooked_at = address
        state.hooked_flags = self._instance.get("rflags")

    def _read_msr(self, site: Site) -> Exit | None:
        if self._instance.get("rcx") & _U32_MAX == _IA32_TSC:
            self._pc = _behind(site)
            return TIME_TRAPS[TrapKind.RDTSC]
        value = self._control.read_msr()
        if isinstance(value, Raised):
            return self._deliver(value)
        self.set_registers({"rax": value & _U32_MAX, "rdx": value >> 32})
        self._skip(site)
        return None

    def _skip(self, site: Site) -> None:
        """The instruction at a site has had its effect."""
        self._pc = _behind(site)
        self._state.count += 1

    def _port(self, site: Site) -> int:
        return site.port if site.port is not None else self._state.rdx & 0xFFFF

    @abstractmethod
    def _deliver(self, raised: Raised) -> Exit | None:
        """What becomes of an exception that the guest has raised."""

    @abstractmethod
    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""


def _behind(site: Site) -> int:
    return (site.address + site.length) & _U64_MAX
