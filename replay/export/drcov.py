"""Executed basic blocks in the format of DynamoRIO's drcov (version 2), which coverage explorers
for disassemblers read: Lighthouse, Cartographer, lightkeeper.

Text lines with a table of modules, then for each block the offset of its start in the module (u32),
its size (u16) and the module's number (u16), little-endian (drcov.h, bb_entry_t).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from replay.export.words import one_line
from replay.player.executed import Block

_BLOCK = struct.Struct("<IHH")
_SIZE_MAX = 0xFFFF
_OFFSET_MAX = 0xFFFFFFFF
_MODULE = 0


def drcov(name: str, base: int, end: int, blocks: Iterable[Block]) -> tuple[bytes, int]:
    """A coverage file of the module ``name``, loaded at ``[base, end)``, and the number of blocks
    in it: those too large for the format are several."""
    table = [_BLOCK.pack(start - base, size, _MODULE) for start, size in _entries(base, blocks)]
    head = (
        "DRCOV VERSION: 2\n"
        "DRCOV FLAVOR: drcov\n"
        "Module Table: version 2, count 1\n"
        "Columns: id, base, end, entry, path\n"
        f"{_MODULE}, {base:#018x}, {end:#018x}, {0:#018x}, {one_line(name)}\n"
        f"BB Table: {len(table)} bbs\n"
    )
    return head.encode("utf-8", "replace") + b"".join(table), len(table)


def _entries(base: int, blocks: Iterable[Block]) -> Iterator[tuple[int, int]]:
    for block in blocks:
        end = block.start + block.size
        for start in range(block.start, end, _SIZE_MAX):
            if 0 <= start - base <= _OFFSET_MAX:
                yield start, min(end - start, _SIZE_MAX)
