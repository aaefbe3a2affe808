"""The processor's page walk in 64-bit mode, for engines that must look where the guest looks.

Layouts: Intel SDM volume 3, 4-level paging. Only supervisor accesses with CR0.WP set are modelled,
since Solo5 guests never leave ring 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_PRESENT = 1
_WRITABLE = 2
_LARGE = 0x80
_ADDRESS = 0x000F_FFFF_FFFF_F000
_CANONICAL_SIGN_SHIFT = 47
_ENTRIES = 512
_TABLES_MAX = 4096

ReadPhysical = Callable[[int, int], bytes | None]
"""Reads bytes of guest physical memory; ``None`` where there is no memory."""


@dataclass(frozen=True, slots=True)
class PageFault:
    """The walk ended without a mapping; ``error_code`` as the processor would push it."""

    gva: int
    error_code: int


def is_canonical(gva: int) -> bool:
    """Whether bits 63..47 of an address are all equal."""
    top = gva >> _CANONICAL_SIGN_SHIFT
    return top in (0, 0x1FFFF)


def translate(read: ReadPhysical, cr3: int, gva: int, *, write: bool = False) -> int | PageFault:
    """The guest physical address behind ``gva``, or why there is none."""
    access = 2 if write else 0
    table = cr3 & _ADDRESS
    writable = True
    for shift in (39, 30, 21, 12):
        raw = read(table + ((gva >> shift) & 0x1FF) * 8, 8)
        entry = int.from_bytes(raw or b"", "little")
        if not entry & _PRESENT:
            return PageFault(gva, access)
        writable = writable and bool(entry & _WRITABLE)
        if shift == 12 or (entry & _LARGE and shift in (30, 21)):
            break
        table = entry & _ADDRESS
    if write and not writable:
        return PageFault(gva, access | 1)
    offset_mask = (1 << shift) - 1
    return (entry & _ADDRESS & ~offset_mask) | (gva & offset_mask)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Guest virtual addresses ``[start, end)``, mapped to the same physical ones."""

    start: int
    end: int
    writable: bool


def flat_ranges(read: ReadPhysical, cr3: int) -> Sequence[Mapped] | None:
    """All that the tables under ``cr3`` map, in order; ``None`` when anything lies elsewhere than
    at its own address, or the tables are more than a sane guest has."""
    found: list[Mapped] = []
    for start, size, entry in _leaves(read, cr3 & _ADDRESS, 0, 39, [_TABLES_MAX]):
        if entry & _ADDRESS & -size != start:
            return None
        writable = bool(entry & _WRITABLE)
        if found and (found[-1].end, found[-1].writable) == (start, writable):
            found[-1] = Mapped(found[-1].start, start + size, writable)
        else:
            found.append(Mapped(start, start + size, writable))
    return found


def _leaves(
    read: ReadPhysical, table: int, gva: int, shift: int, room: list[int], rights: int = _WRITABLE
) -> Iterator[tuple[int, int, int]]:
    """Address, size and entry of every page under ``table``, the entry with the rights that all
    levels leave it. ``room`` holds how many more tables may be read; an address of -1 ends it."""
    room[0] -= 1
    raw = read(table, 8 * _ENTRIES)
    if room[0] < 0 or raw is None:
        yield -1, 1, 0
        return
    for index, (entry,) in enumerate(struct.iter_unpack("<Q", raw)):
        if not entry & _PRESENT:
            continue
        start, left = gva + (index << shift), rights & entry
        if shift == 12 or (entry & _LARGE and shift in (30, 21)):
            yield start, 1 << shift, entry & ~_WRITABLE | left
        else:
            yield from _leaves(read, entry & _ADDRESS, start, shift - 9, room, left)
