"""Looking at code before it runs: sites become addresses where the guest stops.

Unicorn reports every block that it translates, except the one where it is started; that one gets a
hook of its own. A block is vetted with Unicorn's own idea of its extent, so that instructions which
two decoders measure differently hide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unicorn import unicorn_const as uc_const

from replay.engines.ram import PAGE_BYTES
from replay.engines.sites import LONGEST_INSTRUCTION, Site, block_sites, site_at
from replay.engines.unicorn.callbacks import NOWHERE, Callbacks, Use
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.places import Places

_ENTRIES_MAX = 4096


class Vetting:
    """The known sites of one guest, and the hooks that stop at them."""

    def __init__(
        self, instance: Instance, memory: EngineMemory, callbacks: Callbacks, places: Places
    ) -> None:
        self._instance = instance
        self._memory = memory
        self._state = places.state
        self._callbacks = callbacks
        self._places = places
        self._sites: dict[int, Site] = {}
        self._volatile: set[int] = set()
        self._tables: set[int] = set()
        self._known_starts: dict[int, int] = {}
        self.after_unhooking: Callable[[], None] = _nothing
        self.before_distrust: Callable[[], None] = _nothing
        self.after_code_change: Callable[[Sequence[int]], None] = _nobody_cares
        memory.on_change = self.memory_changed
        instance.hook(uc_const.UC_HOOK_EDGE_GENERATED, callbacks.edge, self._state, None)

    def trust_tables(self, cr3: int) -> None:
        """Virtual equals physical from now on, until the guest's page tables change."""
        self._tables = self._memory.watch_tables(cr3)
        self._state.flat_cr3 = cr3

    def distrust_tables(self) -> None:
        """The guest changes its page tables: every address is looked up from now on."""
        self.before_distrust()
        if self._state.flat_cr3 != NOWHERE:
            self._state.flat_cr3 = NOWHERE
            self._volatile.update(self._sites)

    def prepare(self, pc: int) -> None:
        """Make the block at ``pc``, where the emulator is about to be started, report itself."""
        if pc in self._known_starts:
            return
        if len(self._known_starts) >= _ENTRIES_MAX:
            self._forget_starts()
        hook = self._instance.hook(uc_const.UC_HOOK_BLOCK, self._callbacks.entry, self._state, pc)
        self._known_starts[pc] = hook

    def vet(self) -> None:
        """Look at the block that a callback has reported, before any of it runs."""
        state = self._state
        pc, size = state.address, state.size
        code = self._memory.code(pc, size)
        if self._register(block_sites(code, pc, state.instructions)):
            self.forget_code(pc, pc + size)
        if self.is_flat():
            self._callbacks.mark_vetted(pc, size)
        state.passed_entry = pc

    def site(self, address: int) -> Site | None:
        """The site at which the guest has stopped, or ``None`` where it has meanwhile put other
        code."""
        if address not in self._volatile:
            return self._sites[address]
        return self.look(address)

    def look(self, address: int) -> Site | None:
        """The site at ``address`` as memory is now."""
        return site_at(self._memory.code(address, LONGEST_INSTRUCTION), address)

    def knows(self, site: Site) -> bool:
        """Whether the guest stops at ``site`` already."""
        return self._sites.get(site.address) == site

    def learn(self, site: Site) -> None:
        """Stop at a site that no block contained."""
        if self._register([site]):
            self.forget_code(site.address, site.address + site.length)

    def forget_code(self, start: int, end: int) -> None:
        """Make Unicorn translate the code at virtual addresses ``[start, end)`` again."""
        self._instance.uc.ctl_remove_cache(start, end)

    def forget_all(self) -> None:
        """Make Unicorn translate everything again."""
        self._instance.uc.ctl_flush_tb()
        self._state.translated = 0

    def memory_changed(self, gpa: int, end: int) -> None:
        """The host has changed a page with code or page tables."""
        pages = range(gpa // PAGE_BYTES, (end - 1) // PAGE_BYTES + 1)
        if not self._tables.isdisjoint(pages):
            self.distrust_tables()
        if not self.is_flat():
            self.forget_all()
            return
        for page in pages:
            if self._memory.watched_pages[page]:
                start = page * PAGE_BYTES
                self.forget_code(max(gpa, start), min(end, start + PAGE_BYTES))
        self.after_code_change(pages)

    def forget_translated(self, address: int) -> None:
        """Make Unicorn translate the instruction at a virtual address again, if it ever has."""
        for gpa, _size in self._memory.pieces(address, 1):
            if self._memory.watched_pages[gpa // PAGE_BYTES]:
                self.forget_code(address, address + 1)

    def take_start_hooks(self) -> list[int]:
        """Let no start report its block any more: these hooks are for the caller to take away."""
        hooks = list(self._known_starts.values())
        self._known_starts.clear()
        return hooks

    def is_flat(self) -> bool:
        return bool(self._instance.get("cr3") == self._state.flat_cr3)

    def _register(self, sites: list[Site]) -> bool:
        fresh = [site for site in sites if self._sites.get(site.address) != site]
        for site in fresh:
            at = site.address
            self._places.add(at, Use.SITE)
            self._sites[at] = site
            if not self.is_flat() or not self._memory.is_read_only(at, at + site.length):
                self._volatile.add(at)
        return bool(fresh)

    def _forget_starts(self) -> None:
        self._instance.unhook(self.take_start_hooks())
        self.after_unhooking()


def _nobody_cares(_pages: Sequence[int]) -> None:
    """Until somebody counts blocks, nothing depends on them."""


def _nothing() -> None:
    """Nobody has to clean up."""
