"""Where a native guest has to stop for somebody who debugs it: breakpoints and watchpoints, which
share the debug registers and keep the agent's jumps out of their way."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from replay.engines.errors import NoDebugRegister
from replay.engines.native.agent import Agent
from replay.engines.native.breakpoints import Breakpoints
from replay.engines.native.child import Child
from replay.engines.native.debug_registers import REGISTERS, Armed, Condition, DebugRegisters
from replay.engines.native.memory import Area, Space
from replay.engines.native.text import Text
from replay.engines.native.watchpoints import Watchpoints
from replay.engines.ports import Watchpoint


class Stops:
    """Those of one guest; there are none while it is ``idle``."""

    def __init__(self, child: Child, space: Space, text: Text, agent: Agent | None) -> None:
        self._agent = agent
        self._text = text
        self._registers = DebugRegisters(child.tracee)
        self._breakpoints = Breakpoints(child, space)
        self._watchpoints = Watchpoints(space.ram.size)
        self._watching: Sequence[Armed] = ()
        self.idle = True
        text.on_load = self._loaded

    @property
    def addresses(self) -> frozenset[int]:
        """All breakpoints."""
        return self._breakpoints.addresses

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """See ``Breaks``. Raises NoDebugRegister, and then nothing has changed."""
        doubtful = self._breakpoints.find_doubtful(addresses)
        self._arm(self._watching, doubtful)
        self._make_way(addresses, watching=bool(self._watchpoints))
        self._breakpoints.use(addresses, doubtful)
        self._breakpoints.insert(self._text.areas)
        self._note_use()

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """See ``Watches``. Raises NoDebugRegister or ValueError, and then nothing has changed."""
        wanted = self._watchpoints.armed(watchpoints)
        self._arm(wanted, self._breakpoints.doubtful)
        self._watching = wanted
        self._watchpoints.use(watchpoints)
        self._breakpoints.take_out()
        self._make_way(self._breakpoints.addresses, watching=bool(watchpoints))
        self._breakpoints.insert(self._text.areas)
        self._note_use()

    def is_breakpoint(self, address: int) -> bool:
        """Whether the INT3 at ``address`` of the process's text is one of these."""
        return self._breakpoints.holds(address)

    def by_register(self) -> bool:
        """Whether a debug register caused the trap that has just stopped the process."""
        if not self._registers.armed:
            return False
        hits = self._registers.hits()
        for each in hits:
            if each.condition is not Condition.EXECUTE:
                self._watchpoints.hit = each.address
        return bool(hits)

    def accessed(self, start: int, size: int, *, write: bool) -> None:
        """The engine has accessed memory in place of the guest."""
        self._watchpoints.accessed(start, size, write=write)

    def take_hit(self) -> int | None:
        """A watched address that has been accessed, once."""
        hit = self._watchpoints.hit
        if hit is not None:
            self._watchpoints.hit = None
        return hit

    @contextlib.contextmanager
    def lifted(self, address: int) -> Iterator[None]:
        """While inside, the instruction at ``address`` can run."""
        doubtful = self._breakpoints.doubtful
        if address in doubtful:
            self._arm(self._watching, doubtful - {address})
        try:
            with self._breakpoints.lifted(address):
                yield
        finally:
            if address in doubtful:
                self._arm(self._watching, doubtful)

    @contextlib.contextmanager
    def instead(self, address: int, behind: int) -> Iterator[None]:
        """While inside, the process stops at ``behind`` and not at ``address``, both in vetted
        text."""
        if self._agent is not None:
            self._agent.jumps.remove()
        with self.lifted(address), self._breakpoints.also_at(behind):
            yield

    def _note_use(self) -> None:
        self.idle = not (self._breakpoints.addresses or self._watchpoints)

    def _arm(self, watching: Sequence[Armed], doubtful: Collection[int]) -> None:
        wanted = [*watching, *(Armed(at, 1, Condition.EXECUTE) for at in sorted(doubtful))]
        if len(wanted) > REGISTERS:
            raise NoDebugRegister(REGISTERS, len(watching), sorted(doubtful))
        self._registers.arm(wanted)

    def _make_way(self, addresses: Collection[int], *, watching: bool) -> None:
        if self._agent is not None:
            self._agent.jumps.avoid(addresses, everything=watching)

    def _loaded(self, area: Area) -> None:
        self._breakpoints.forget(area)
        self._breakpoints.take_out()
        self._make_way(self._breakpoints.addresses, watching=bool(self._watchpoints))
        self._breakpoints.insert(self._text.areas)
