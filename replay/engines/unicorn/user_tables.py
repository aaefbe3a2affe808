"""Page tables for a guest in user mode: its memory at its physical addresses, with exact rights.

Layouts: Intel SDM volume 3, 4-level paging. All of it lies at ``HIDDEN_GPA``, where a guest (4 GiB
at most) has no memory; it sees of that neither the physical addresses nor, at level 3, the few
pages in its upper half.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from monitors.ports import Protection
from replay.engines.ram import PAGE_BYTES

HIDDEN_GPA = 1 << 39
GDT_GPA = HIDDEN_GPA + 5 * PAGE_BYTES
GDT_GVA = 0xFFFF_FFFF_FFFE_0000
"""Where Linux tells processes that it is (arch/x86/kernel/umip.c)."""
STUB_GVA = GDT_GVA + PAGE_BYTES

_GDT_ENTRY = GDT_GVA >> 12 & 511
STUB_ENTRY_GPA = HIDDEN_GPA + 4 * PAGE_BYTES + (_GDT_ENTRY + 1) * 8
"""The page table's entry for the stub, eight bytes to be zeroed when it has done its work."""

_STUB_GPA = GDT_GPA + PAGE_BYTES
_WINDOW_TABLE = 4  # its page among the hidden ones
_DIRECTORIES = 7  # the first of those whose number depends on the memory
_PRESENT, _WRITABLE, _USER, _LARGE = 1, 2, 4, 0x80
_TOUCHED = 0x20 | 0x40  # accessed, dirty
_NO_EXECUTE = 1 << 63
_TABLE = _PRESENT | _WRITABLE | _USER | 0x20
_LARGE_BYTES = 512 * PAGE_BYTES
_DIRECTORY_BYTES = 512 * _LARGE_BYTES


def hidden_pages(size: int, protections: Sequence[Protection], gdt: bytes, stub: bytes) -> bytes:
    """What belongs at ``HIDDEN_GPA`` for ``size`` bytes of guest memory.

    The tables begin there (CR3). ``gdt`` and ``stub``, a page each at most, are for the supervisor
    alone, the GDT read-only; both are in the upper half.
    """
    directories = -(-size // _DIRECTORY_BYTES)
    tables = _Tables(_DIRECTORIES + directories)
    entries = [
        tables.entry(at, min(_LARGE_BYTES, size - at), protections)
        for at in range(0, size, _LARGE_BYTES)
    ]
    first = _gpa(_DIRECTORIES)
    pages = [
        {0: _gpa(1) | _TABLE, 511: _gpa(2) | _TABLE},
        {n: first + n * PAGE_BYTES | _TABLE for n in range(directories)},
        {511: _gpa(3) | _TABLE},
        {511: _gpa(_WINDOW_TABLE) | _TABLE},
        {
            _GDT_ENTRY: GDT_GPA | _PRESENT | _TOUCHED | _NO_EXECUTE,
            _GDT_ENTRY + 1: _STUB_GPA | _PRESENT | _WRITABLE | _TOUCHED,
        },
    ]
    fixed = b"".join(_page(page) for page in pages)
    fixed += gdt.ljust(PAGE_BYTES, b"\0") + stub.ljust(PAGE_BYTES, b"\0")
    return fixed + _words(entries).ljust(directories * PAGE_BYTES, b"\0") + tables.content


class _Tables:
    """The lowest tables, for ranges in which the rights change; page ``first`` is the first."""

    def __init__(self, first: int) -> None:
        self.content = b""
        self._first = first

    def entry(self, at: int, size: int, protections: Sequence[Protection]) -> int:
        """The directory entry for ``[at, at + size)``."""
        inside = [p for p in protections if p.start < at + size and at < p.end]
        whole = all(p.start <= at and at + size <= p.end for p in inside)
        if whole and size == _LARGE_BYTES:
            rights = _rights(at, inside)
            return at | _LARGE | rights if rights else 0
        gpa = _gpa(self._first) + len(self.content)
        leaves = [_leaf(page, inside) for page in range(at, at + size, PAGE_BYTES)]
        self.content += _words(leaves).ljust(PAGE_BYTES, b"\0")
        return gpa | _TABLE


def _leaf(page: int, protections: Sequence[Protection]) -> int:
    rights = _rights(page, protections)
    return page | rights if rights else 0


def _rights(at: int, protections: Sequence[Protection]) -> int:
    """The flags for the page at ``at``; 0 for one without any access."""
    over = [p for p in protections if p.start <= at < p.end]
    if not all(p.readable for p in over):
        return 0
    flags = _PRESENT | _USER | _TOUCHED
    if all(p.writable for p in over):
        flags |= _WRITABLE
    return flags if all(p.executable for p in over) else flags | _NO_EXECUTE


def _gpa(page: int) -> int:
    return HIDDEN_GPA + page * PAGE_BYTES


def _page(entries: dict[int, int]) -> bytes:
    return _words([entries.get(number, 0) for number in range(512)])


def _words(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)
