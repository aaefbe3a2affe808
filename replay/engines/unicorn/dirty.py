"""Which pages were written, by the guest or by the host.

While somebody wants to know, the guest runs under tables of our own, and believes it has its own.
Where that would be noticed, or the guest is about to change what they mirror, it gets its own back;
from then on every page that may not be zero counts as written, which is correct and slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unicorn import unicorn_const as uc_const

from replay.engines.ram import PAGE_BYTES
from replay.engines.sites import Site
from replay.engines.unicorn import registers
from replay.engines.unicorn.callbacks import State
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.shadow_tables import (
    SHADOW_GPA,
    FlatTables,
    ShadowTables,
    read_flat_tables,
)
from replay.engines.unicorn.user_tables import HIDDEN_GPA

_WRITE_PROTECT = 1 << 16  # CR0.WP
_NXE = 1 << 11  # EFER.NXE
_U32_MAX = (1 << 32) - 1


class DirtyPages:
    """Tracks for one Unicorn instance, from the first ``take`` on."""

    def __init__(self, instance: Instance, memory: EngineMemory, state: State) -> None:
        self._instance = instance
        self._memory = memory
        self._state = state
        self._written: set[int] | None = None
        self._is_incomplete = True
        self._tables: ShadowTables | None = None
        self._built: dict[bool, ShadowTables] = {}

    @property
    def are_tables_ours(self) -> bool:
        """Whether the guest runs under tables of ours."""
        return self._tables is not None

    @property
    def trusted_cr3(self) -> int:
        """CR3, as the guest knows it, of tables that are known to be flat; or ``NOWHERE``."""
        flat = int(self._state.flat_cr3)
        return self._memory.cr3() if flat == SHADOW_GPA else flat

    def take(self) -> Sequence[int]:
        """See ``TracksDirtyPages.dirty_pages``."""
        if self._written is None:
            self._written = self._memory.written = set()
            self.enter()
        pages = self._marked()
        if self._written:
            pages = sorted(self._written.union(pages))
            self._written.clear()
        if self._is_incomplete:
            self._is_incomplete = self._tables is None
            return list(self._resident())
        return pages

    def enter(self) -> None:
        """Put the guest under tables of ours, if somebody wants to know and it cannot notice."""
        if self._written is None or self._tables is not None:
            return
        cr3 = self._instance.get("cr3")
        tables = self._tables_under(cr3) if cr3 == self._state.flat_cr3 else None
        if tables is None:
            return
        protection = uc_const.UC_PROT_ALL
        self._instance.uc.mem_map_ptr(SHADOW_GPA, tables.size, protection, tables.address)
        self._tables, self._memory.guest_cr3 = tables, cr3
        self._state.flat_cr3 = SHADOW_GPA
        self._forget_lookups()

    def leave(self) -> None:
        """Give the guest its own tables; what it writes from now on is not known."""
        self._is_incomplete = True
        if self._tables is None:
            return
        self._tables.take()
        cr3 = self._memory.cr3()
        self._instance.set("cr3", cr3)
        with self._instance.without_page_tables():
            self._instance.uc.mem_unmap(SHADOW_GPA, self._tables.size)
        self._tables = self._memory.guest_cr3 = None
        if self._state.flat_cr3 == SHADOW_GPA:
            self._state.flat_cr3 = cr3

    def follow(self, cr3: int, trusted_cr3: int) -> bool:
        """Keep the guest under these tables after its registers have become others, with what it
        takes for its CR3; false, and nothing done, where it must not run under them."""
        tables = self._tables
        if tables is None or not cr3 == trusted_cr3 == self._memory.guest_cr3:
            return False
        if not self._is_protected() or self._built.get(self._has_no_execute()) is not tables:
            return False
        self._forget_lookups()
        return True

    def carry_out(self, site: Site) -> bool:
        """Do in the guest's place what it must not do to CR3, or see; false where it may do it
        itself. It leaves these tables before it changes what their flags mean."""
        if self._tables is None:
            return False
        get, cr3 = self._instance.get, self._memory.cr3()
        target, _, source = site.text.removeprefix("mov ").partition(", ")
        if source == "cr3":
            self._instance.set(target, cr3)
            return True
        if target == "cr3":
            return get(source) == cr3
        loses_protection = target == "cr0" and not get(source) & _WRITE_PROTECT
        if loses_protection or (target == "wrmsr" and self._changes_no_execute()):
            self.leave()
        return False

    def _marked(self) -> list[int]:
        if self._tables is None:
            return []
        pages = self._tables.take()
        self._forget_lookups()
        return pages

    def _forget_lookups(self) -> None:
        self._instance.set("cr3", SHADOW_GPA)

    def _tables_under(self, cr3: int) -> ShadowTables | None:
        if not self._is_protected():
            return None
        key = self._has_no_execute()
        built = self._built.get(key)
        if built is None or cr3 not in built.flat.source or not built.flat.still_hold(self._read):
            flat = self._flat_tables(cr3, no_execute=key)
            if flat is None:
                return None
            built = self._built[key] = ShadowTables(flat)
        return built

    def _flat_tables(self, cr3: int, *, no_execute: bool) -> FlatTables | None:
        size, hidden = self._memory.ram.size, self._memory.is_physical
        return read_flat_tables(self._read, cr3, size, no_execute=no_execute, keep_upper=hidden)

    def _read(self, gpa: int, size: int) -> bytes | None:
        if self._memory.is_physical and gpa >= HIDDEN_GPA:
            return bytes(self._instance.uc.mem_read(gpa, size))
        return self._memory.peek(gpa, size)

    def _is_protected(self) -> bool:
        return bool(self._instance.get("cr0") & _WRITE_PROTECT)

    def _has_no_execute(self) -> bool:
        return bool(self._instance.uc.msr_read(registers.EFER) & _NXE)

    def _changes_no_execute(self) -> bool:
        get = self._instance.get
        is_efer = get("rcx") & _U32_MAX == registers.EFER
        return is_efer and bool(get("rax") & _NXE) != self._has_no_execute()

    def _resident(self) -> Iterator[int]:
        for start, end in self._memory.ram.resident_ranges():
            yield from range(start // PAGE_BYTES, -(-end // PAGE_BYTES))
