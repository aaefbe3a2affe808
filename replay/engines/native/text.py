"""Code that may run at full speed: looked through once, with a breakpoint at every site.

A region that the host protects against writing is swept when the guest first comes there. Its
patches are in the process's private copy and never in the guest's memory.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.engines.native.agent import Agent
from replay.engines.native.child import PROT_EXEC, PROT_READ, PROT_WRITE, Child
from replay.engines.native.memory import Area, Space
from replay.engines.sites import Site, SiteKind
from replay.engines.sweep import sweep

_BREAKPOINT = b"\xcc"
_NO_PREFIX = b"\x3e"  # a segment override that 64-bit mode ignores, in place of F3
_HIDDEN_BYTES = 5
_FAULTING_KINDS = frozenset((SiteKind.OUT, SiteKind.IN, SiteKind.HLT, SiteKind.RDMSR))


class Text:
    """The vetted regions of one guest, none of them behind ``end``, and the ``sites`` in them by
    address. ``on_load`` is told of each region that has been written."""

    def __init__(self, child: Child, space: Space, agent: Agent | None = None) -> None:
        self._child = child
        self._agent = agent
        self._space = space
        self.areas: list[Area] = []
        self.end = 0
        self._starts: list[int] = []
        self.sites: dict[int, Site] = {}
        self.on_load: Callable[[Area], None] = lambda _area: None

    def holds(self, gva: int) -> bool:
        """Whether ``gva`` is in a region that has been vetted."""
        return any(area.start <= gva < area.end for area in self.areas)

    def admit(self, gva: int) -> bool:
        """Vet the region around ``gva``; false where there is none that may be patched."""
        area = self._space.area(gva)
        if area is None or not area.private:
            return False
        self.areas.append(area)
        self.end = max(self.end, area.end)
        self._starts.append(gva)
        self._load(area)
        return True

    def reload(self, start: int, end: int) -> None:
        """Vet again what the host has changed."""
        for area in self.areas:
            if area.start < end and start < area.end:
                self._load(area)

    def _load(self, area: Area) -> None:
        code = bytes(self._space.ram.view[area.start : area.end])
        found = sweep(code, area.start, self._starts)
        everything = found
        patched = bytearray(code)
        for site in found:
            _patch(patched, site, area.start)
        known = {at: site for at, site in self.sites.items() if not area.start <= at < area.end}
        traps = [site for site in found if site.kind is not SiteKind.REWRITE]
        self.sites.clear()
        self.sites.update(known | {site.address: site for site in traps})
        self._child.tracee.traps = {
            at + 1 for at, site in self.sites.items() if self._traps_surely(site)
        }
        size = area.end - area.start
        self._child.protect(area.start, size, PROT_READ | PROT_WRITE)
        self._child.write(area.start, bytes(patched))
        if self._agent is not None:
            self._agent.jumps.add_sites(everything, area.start, area.end)
        self._child.protect(area.start, size, PROT_READ | PROT_EXEC)
        self.on_load(area)

    def _traps_surely(self, site: Site) -> bool:
        """Whether the guest can stop behind the first byte of a site only by its breakpoint: the
        rest of a ``syscall`` begins an instruction that touches no memory, if somebody jumps to it,
        but it has to be in vetted text as a whole."""
        return site.text == "syscall" and self.holds(site.address + _HIDDEN_BYTES)


def _patch(code: bytearray, site: Site, base: int) -> None:
    at = site.address - base
    if site.kind is SiteKind.REWRITE:
        prefix = site.code.index(0xF3)
        code[at + prefix : at + prefix + 1] = _NO_PREFIX
    elif site.kind not in _FAULTING_KINDS:
        code[at : at + 1] = _BREAKPOINT
