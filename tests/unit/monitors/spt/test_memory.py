from __future__ import annotations

import pytest

from monitors.errors import BadGuestPointer
from monitors.manifest import Manifest
from monitors.ports import GuestImage, Protection
from monitors.spt.memory import UserMemory, address_space

TOP = (1 << 64) - 1
END = 0x200000
NOTHING = Protection(0, 0x10000, writable=False, readable=False, executable=False)
TEXT = Protection(0x100000, 0x104000, writable=False)
DATA = Protection(0x104000, 0x106000, writable=True, executable=False)
TLS = Protection(0x107000, 0x108000, writable=False, executable=False)
CLOSED = Protection(0x108000, 0x109000, writable=False, readable=False, executable=False)


def image(*protections: Protection) -> GuestImage:
    return GuestImage("spt", 2, Manifest(), 0x100020, (), protections, 0)


def rest(start: int, end: int, *, executable: bool = False) -> Protection:
    return Protection(start, end, writable=True, executable=executable)


def test_an_address_space_has_no_gaps():
    assert address_space(image(TEXT, DATA, TLS), END) == (
        NOTHING,
        rest(0x10000, 0x100000),
        TEXT,
        DATA,
        rest(0x106000, 0x107000),
        TLS,
        rest(0x108000, END),
    )


def test_segments_in_another_order_and_up_to_the_end():
    last = Protection(0x1FF000, END, writable=True, executable=False)
    space = address_space(image(last, TEXT), END)
    assert space[1:] == (rest(0x10000, 0x100000), TEXT, rest(0x104000, 0x1FF000), last)


def test_an_executable_heap_is_all_that_is_no_segment():
    space = address_space(image(TEXT, DATA), END, executable_heap=True)
    assert space == (
        NOTHING,
        rest(0x10000, 0x100000, executable=True),
        TEXT,
        DATA,
        rest(0x106000, END, executable=True),
    )


@pytest.fixture
def memory(flat_memory):
    space = address_space(image(TEXT, DATA, TLS, CLOSED), END)
    return UserMemory(flat_memory(END), space)


@pytest.mark.parametrize(
    ("gpa", "size"),
    [
        (0x10000, 1),
        (0x10000, 0xF0000),
        (0x104000, 0x2000),
        (0x105FFF, 2),
        (0x106000, 0x1000),
        (0x109000, END - 0x109000),
        (END - 1, 1),
    ],
)
def test_what_can_be_written(memory, gpa, size):
    memory.check(gpa, size, write=True)
    memory.write(gpa, b"\xa5" * size)
    assert memory.read(gpa, size) == b"\xa5" * size


@pytest.mark.parametrize(
    ("gpa", "size"),
    [(0x100000, 1), (0xFFFFF, 2), (0x103FFF, 2), (0x107000, 8), (0x106FFF, 2), (0xF0000, 0x16000)],
)
def test_what_can_only_be_read(memory, gpa, size):
    assert memory.read(gpa, size) == bytes(size)
    with pytest.raises(BadGuestPointer) as caught:
        memory.check(gpa, size, write=True)
    assert (caught.value.gpa, caught.value.size) == (gpa, size)
    with pytest.raises(BadGuestPointer):
        memory.write(gpa, b"\xa5" * size)
    assert memory.read(gpa, size) == bytes(size)


@pytest.mark.parametrize(
    ("gpa", "size"),
    [
        (0, 1),
        (8, 8),
        (0xFFFF, 1),
        (0xFFFF, 2),
        (0x108000, 1),
        (0x107FFF, 2),
        (0x108FFF, 2),
        (END - 1, 2),
        (END, 1),
        (0x400000000, 1),
        (TOP, 1),
        (TOP - 3, 8),
        (0x10000, TOP),
        (TOP, TOP),
    ],
)
def test_what_cannot_be_touched(memory, gpa, size):
    for access in (memory.check, memory.read, lambda a, n: memory.check(a, n, write=True)):
        with pytest.raises(BadGuestPointer) as caught:
            access(gpa, size)
        assert (caught.value.gpa, caught.value.size) == (gpa, size)


@pytest.mark.parametrize("gpa", [0, 0x100000, END, 0x400000000, TOP])
def test_no_bytes_can_be_anywhere(memory, gpa):
    memory.check(gpa, 0, write=True)
    memory.write(gpa, b"")
    assert memory.read(gpa, 0) == b""
