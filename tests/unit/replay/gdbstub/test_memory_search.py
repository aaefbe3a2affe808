"""Memory is searched where it is, over the borders of pieces and not beyond its end."""

from __future__ import annotations

import pytest

from replay.gdbstub.memory_search import search
from replay.gdbstub.protocol.errors import BadPacket

PIECE = 1 << 20
MEMORY = bytearray(3 * PIECE)
MEMORY[PIECE - 2 : PIECE + 2] = b"over"
MEMORY[-3:] = b"}\n\xff"


def read(address: int, size: int) -> bytes | None:
    return bytes(MEMORY[address : address + size]) if address + size <= len(MEMORY) else None


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (f"memory:0;{len(MEMORY):x};over", b"1,%x" % (PIECE - 2)),
        (f"memory:{PIECE - 2:x};4;over", b"1,%x" % (PIECE - 2)),
        (f"memory:{PIECE - 2:x};3;over", b"0"),
        (f"memory:{PIECE - 1:x};{PIECE:x};over", b"0"),
        (f"memory:0;{len(MEMORY):x};}}\n\xff", b"1,%x" % (len(MEMORY) - 3)),
        (f"memory:0;{len(MEMORY) + 1:x};nothere", b"E01"),
        ("memory:0;0;x", b"0"),
        ("registers:0", b""),
    ],
)
def test_a_search(argument: str, reply: bytes) -> None:
    assert search(read, argument) == reply


@pytest.mark.parametrize("argument", ["memory:", "memory:0;1;", "memory:x;1;a", "memory:0,1,a"])
def test_a_search_that_makes_no_sense(argument: str) -> None:
    with pytest.raises(BadPacket):
        search(read, argument)
