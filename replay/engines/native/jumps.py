"""The jumps in one guest's code by which it comes to the agent, and where a process that is in one
of their trampolines stands in the guest's own code."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from replay.engines.native.child import PROT_EXEC, PROT_READ, SYS_MMAP, Child
from replay.engines.native.jump_patching import (
    TRAMPOLINE_BYTES,
    TrampolinePlaces,
    Window,
    code_of,
    find_window,
    jump_bytes,
    trampoline,
)
from replay.engines.native.layout import SITES_MAX, Control
from replay.engines.sites import Site, decode

_GAP_BYTES = 64 << 20
_TRAMPOLINES_BYTES = 64 << 20
_REACH_BYTES = 1 << 31
_MAP_PRIVATE_ANONYMOUS = 0x32  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED


class TrampolinePart(enum.Enum):
    """Where in a trampoline a process stands."""

    ENTERING = "entering"  # before the agent
    LEAVING = "leaving"  # behind the site


@dataclass(frozen=True, slots=True)
class _Jump:
    """A jump that is in force: ``old`` is what it replaced in the process."""

    window: Window
    code: bytes
    old: bytes
    at: int
    trap: int
    after: int


class Jumps:
    """Those of one child. Each of ``control.sites`` is one of them; trampolines lead to the agent's
    ``entry``, and to the memory at ``shared`` that it shares with the monitor."""

    def __init__(self, child: Child, control: Control, *, entry: int, shared: int) -> None:
        self._child = child
        self._control = control
        self._entry, self._shared = entry, shared
        self._places: TrampolinePlaces | None = None
        self._jumps: list[_Jump] = []
        self._resting: list[_Jump] = []
        self._without: set[int] = set()
        self._broken: set[int] = set()
        self._installed = False
        self._redirects: dict[int, int] = {}

    def map_trampolines(self, mem_size: int) -> None:
        """Make room behind the guest's memory of ``mem_size`` bytes; without, no jumps are made."""
        start = mem_size + _GAP_BYTES
        end = start + _TRAMPOLINES_BYTES
        if end > _REACH_BYTES:
            return
        protection = PROT_READ | PROT_EXEC
        size, nowhere = end - start, (1 << 64) - 1
        self._child.call(SYS_MMAP, start, size, protection, _MAP_PRIVATE_ANONYMOUS, nowhere, 0)
        self._places = TrampolinePlaces(start, end)

    @property
    def site_count(self) -> int:
        """How many sites have a jump, whether it is in force or not."""
        return len(self._jumps) + len(self._resting)

    @property
    def sites_without(self) -> frozenset[int]:
        """The addresses of sites that the agent would serve, and that have no room for a jump."""
        return frozenset(self._without)

    def add_sites(self, sites: Iterable[Site], start: int, end: int) -> None:
        """Prepare jumps for those of ``sites`` that the agent can serve, in the code ``[start,
        end)``, which holds their traps already. What was prepared for it before is forgotten."""
        self.remove()
        for jumps in (self._jumps, self._resting):
            jumps[:] = [jump for jump in jumps if not start <= jump.window.start < end]
        self._without = {at for at in self._without if not start <= at < end}
        for site in sites:
            if code_of(site) is None:
                continue
            window = find_window(site, self._child.read, start, end, decode)
            if window is None or not self._add(window):
                self._without.add(site.address)

    def install(self) -> None:
        """Put the jumps into the guest's code."""
        if not self._installed:
            self._installed = True
            for jump in self._jumps:
                if jump.window.start not in self._broken:
                    self._child.write(jump.window.start, jump.code)
                    if jump.window.is_inside:
                        self._redirects[jump.window.after] = jump.after

    def remove(self) -> None:
        """Give the guest its own code back."""
        if self._installed:
            self._installed = False
            self._redirects.clear()
            for jump in self._jumps:
                self._child.write(jump.window.start, jump.old)

    def avoid(self, addresses: Collection[int], *, everything: bool) -> None:
        """Put no jumps where instructions at ``addresses`` begin or would be moved, or none at all,
        until the next call."""
        self.remove()
        jumps, self._jumps, self._resting = [*self._jumps, *self._resting], [], []
        for jump in jumps:
            window = jump.window
            rests = everything or any(window.start <= at <= window.end for at in addresses)
            (self._resting if rests else self._jumps).append(jump)

    def take_back(self, inside: int) -> bool:
        """Take the jump back, for good, that has its middle at ``inside``; False where none has."""
        if not self._installed:
            return False
        for jump in self._jumps:
            window = jump.window
            if window.start < inside < window.end and window.start not in self._broken:
                self._broken.add(window.start)
                self._redirects.pop(window.after, None)
                self._child.write(window.start, jump.old)
                return True
        return False

    def is_site(self, address: int) -> bool:
        """Whether the site at ``address`` has a jump."""
        return any(jump.window.site == address for jump in self._jumps)

    def part_at(self, rip: int) -> TrampolinePart | None:
        """The part of a trampoline at ``rip``; None outside of all."""
        for jump in self._jumps:
            if jump.at <= rip < jump.at + TRAMPOLINE_BYTES:
                is_behind = jump.window.is_inside and rip > jump.trap
                return TrampolinePart.LEAVING if is_behind else TrampolinePart.ENTERING
        return None

    def trapped_site(self, trap: int) -> int | None:
        """The site that the breakpoint at ``trap``, in a trampoline, stands for."""
        for jump in self._jumps:
            if jump.window.is_inside and jump.trap == trap:
                return jump.window.site
        return None

    @property
    def redirects(self) -> Mapping[int, int]:
        """Where the process goes on in a trampoline, by the place in the guest's code where the
        guest goes on, which a jump in force has replaced."""
        return self._redirects

    def guest_of(self, native: int) -> int:
        """Where the guest is when the process goes on at ``native``."""
        for jump in self._jumps:
            if jump.after == native:
                return jump.window.after
        return native

    def _add(self, window: Window) -> bool:
        index = self._control.site_count
        if self._places is None or index == SITES_MAX or self._overlaps(window):
            return False
        at = self._places.place(window)
        if at is None:
            return False
        made = trampoline(window, at, index, self._entry, self._shared)
        self._child.write(at, made.data)
        old = self._child.read(window.start, window.end - window.start)
        self._jumps.append(_Jump(window, jump_bytes(window, at), old, at, made.trap, made.after))
        entry = self._control.sites[index]
        entry.at, entry.after, entry.kind = made.trap, made.after, int(window.code)
        self._control.site_count = index + 1
        return True

    def _overlaps(self, window: Window) -> bool:
        """Whether another jump touches this one's code."""
        return any(
            jump.window.start < max(window.end, window.after)
            and window.start < max(jump.window.end, jump.window.after)
            for jump in (*self._jumps, *self._resting)
        )
