"""``qSearch:memory:ADDRESS;LENGTH;PATTERN``: gdb's ``find``, which would otherwise read all memory
through packets. Source: "Debugging with GDB", appendix E.4."""

from __future__ import annotations

import re
from collections.abc import Callable

from replay.gdbstub.protocol.errors import BadPacket
from replay.gdbstub.protocol.replies import EMPTY, NO_MEMORY

_PIECE_BYTES = 1 << 20
_MEMORY = "memory:"
_REQUEST = re.compile(r"([0-9a-fA-F]{1,16});([0-9a-fA-F]{1,16});(.+)", re.ASCII | re.DOTALL)
_NOT_FOUND = b"0"
Read = Callable[[int, int], bytes | None]


def search(read: Read, argument: str) -> bytes:
    """The reply to what stands behind ``qSearch:``, one character for each byte: where the pattern
    is first, or that it is not in memory, or not all of that is memory. Raises ``BadPacket``."""
    if not argument.startswith(_MEMORY):
        return EMPTY
    match = _REQUEST.fullmatch(argument.removeprefix(_MEMORY))
    if match is None:
        raise BadPacket("a search wants an address, a length and a pattern")
    start, size = int(match[1], 16), int(match[2], 16)
    pattern = match[3].encode("latin-1")
    end = start + size
    for at in range(start, end - len(pattern) + 1, _PIECE_BYTES):
        # What begins in this piece may end in the next one.
        data = read(at, min(end - at, _PIECE_BYTES + len(pattern) - 1))
        if data is None:
            return NO_MEMORY
        found = data.find(pattern)
        if found >= 0:
            return b"1,%x" % (at + found)
    return _NOT_FOUND
