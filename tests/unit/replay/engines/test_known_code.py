"""What headers of real and of made-up files say about code."""

from __future__ import annotations

import random
import struct

import pytest

from replay.engines.known_code import NOTHING_KNOWN, KnownCode, Span, known_code
from tests.unit.replay.recordings import Recorder

PROGBITS, SYMTAB, NOBITS = 1, 2, 8
ALLOC_EXEC, ALLOC = 6, 2
FUNCTION, OBJECT = 2, 1
HEADER_BYTES = 64

Section = tuple[int, int, int, int, int]
"""Type, flags, address, offset, size."""


def elf(*sections: Section, symbols: bytes = b"", size: int = 64, more: int = 0) -> bytes:
    """A file with ``sections`` behind ``symbols``, and ``more`` of them promised."""
    head = bytearray(HEADER_BYTES)
    struct.pack_into("<Q", head, 0x28, HEADER_BYTES + len(symbols))
    struct.pack_into("<HH", head, 0x3A, size, len(sections) + more)
    table = b"".join(struct.pack("<IIQQQQIIQQ", 0, *each, 0, 0, 0, 0) for each in sections)
    return bytes(head) + symbols + table


def symbol(address: int, size: int, kind: int = FUNCTION) -> bytes:
    return struct.pack("<IBBHQQ", 0, 0x10 | kind, 0, 1, address, size)


def table(symbols: bytes) -> Section:
    return (SYMTAB, 0, 0, HEADER_BYTES, len(symbols))


TEXT: Section = (PROGBITS, ALLOC_EXEC, 0x1000, 0, 0x100)


def test_a_shipped_guest_has_sections_and_functions(recorder: Recorder) -> None:
    found = known_code(recorder.guest("hello"))
    (text,) = found.sections
    assert text.start < text.end
    assert len(found.functions) > 10
    assert all(text.start <= each.start < each.end <= text.end for each in found.functions)


def test_sections_of_instructions_are_code_and_no_others() -> None:
    others = [(PROGBITS, ALLOC, 0x2000, 0, 8), (NOBITS, ALLOC_EXEC, 0x3000, 0, 8)]
    unloaded = (PROGBITS, 4, 0x4000, 0, 8)
    assert known_code(elf(*others, TEXT, unloaded)) == KnownCode((Span(0x1000, 0x1100),))


def test_functions_do_not_overlap_and_lie_in_sections() -> None:
    symbols = b"".join(
        (
            symbol(0x1010, 0x20),
            symbol(0x1000, 0x10),
            symbol(0x1020, 0x18),
            symbol(0x1010, 0x20),
            symbol(0x10F0, 0x11),
            symbol(0x0FFF, 1),
            symbol(0x1050, 0),
            symbol(0x1060, 4, OBJECT),
        )
    )
    found = known_code(elf(TEXT, table(symbols), symbols=symbols))
    assert found.functions == (Span(0x1000, 0x1010), Span(0x1010, 0x1030), Span(0x1030, 0x1038))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"no ELF",
        elf(TEXT, size=63),
        elf(TEXT, more=1),
        elf((PROGBITS, ALLOC_EXEC, 0x1000, 0, 0)),
    ],
    ids=["empty", "short", "other size", "cut short", "empty section"],
)
def test_a_file_that_does_not_say_it(wrong: bytes) -> None:
    assert known_code(wrong) == NOTHING_KNOWN


@pytest.mark.parametrize("size", [23, 24 << 21, 1 << 62])
def test_a_wrong_symbol_table_is_none(size: int) -> None:
    wrong = (SYMTAB, 0, 0, HEADER_BYTES, size)
    assert known_code(elf(TEXT, wrong)) == KnownCode((Span(0x1000, 0x1100),))


def test_any_bytes_give_a_value() -> None:
    draw = random.Random(4)
    symbols = symbol(0x1000, 0x10) * 3
    good = elf(TEXT, table(symbols), symbols=symbols)
    for _ in range(500):
        bad = bytearray(good)
        for _ in range(4):
            bad[draw.randrange(len(bad))] = draw.randrange(256)
        found = known_code(bytes(bad[: draw.randrange(len(bad) + 1)]))
        assert isinstance(found, KnownCode)
