"""Snapshots of a whole guest: its processor, and its pages that are not zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from replay.engines.ports import Snapshot
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.processor import SavedProcessor

_ZERO_PAGE = bytes(PAGE_BYTES)


@dataclass(frozen=True, slots=True)
class UnicornSnapshot(Snapshot):
    """``processor`` is all of it, also what engines do not report."""

    processor: SavedProcessor


def save_pages(memory: EngineMemory) -> Mapping[int, bytes]:
    """All pages that are not zero, by number."""
    pages = ((number, _page(memory, number)) for number in _present(memory))
    return {number: data for number, data in pages if data != _ZERO_PAGE}


def restore_pages(memory: EngineMemory, pages: Mapping[int, bytes]) -> None:
    """Make memory as it was; only pages that differ are written."""
    for number in sorted({*_present(memory), *pages}):
        wanted = pages.get(number, _ZERO_PAGE)
        if _page(memory, number) != wanted:
            memory.write(number * PAGE_BYTES, wanted)


def _page(memory: EngineMemory, number: int) -> bytes:
    return memory.read(number * PAGE_BYTES, PAGE_BYTES)


def _present(memory: EngineMemory) -> Iterator[int]:
    """The pages that the host has; all others are zero."""
    for start, end in list(memory.ram.resident_ranges()):
        yield from range(start // PAGE_BYTES, -(-end // PAGE_BYTES))
