from __future__ import annotations

import pytest

from monitors.errors import BadGuestPointer
from monitors.memory import BoundedMemory

LIMIT = 0x1000
TOP = (1 << 64) - 1


@pytest.fixture
def memory(flat_memory):
    return BoundedMemory(flat_memory(LIMIT), LIMIT, spare=1)


def test_bytes_come_back(memory):
    memory.write(0x10, b"abc")
    assert memory.read(0x0F, 5) == b"\0abc\0"


@pytest.mark.parametrize(
    ("gpa", "size"),
    [(0, LIMIT - 1), (LIMIT - 4, 3), (LIMIT - 1, 0), (0, 0)],
)
def test_allowed(memory, gpa, size):
    memory.check(gpa, size)
    assert memory.read(gpa, size) == bytes(size)
    memory.write(gpa, b"\xff" * size)
    assert memory.read(gpa, size) == b"\xff" * size


@pytest.mark.parametrize(
    ("gpa", "size"),
    [
        (LIMIT - 4, 4),
        (0, LIMIT),
        (LIMIT, 0),
        (LIMIT - 1, 1),
        (TOP, 0),
        (TOP, 1),
        (TOP - 7, 8),
        (8, TOP),
        (TOP, TOP),
    ],
)
def test_refused(memory, gpa, size):
    for access in (memory.check, memory.read):
        with pytest.raises(BadGuestPointer) as caught:
            access(gpa, size)
        assert (caught.value.gpa, caught.value.size) == (gpa, size)


def test_refused_write_changes_nothing(memory):
    with pytest.raises(BadGuestPointer):
        memory.write(LIMIT - 4, b"\xff" * 4)
    assert memory.read(LIMIT - 4, 3) == bytes(3)


def test_without_spare_the_end_is_reachable(flat_memory):
    memory = BoundedMemory(flat_memory(LIMIT), LIMIT)
    memory.write(LIMIT - 4, b"last")
    assert memory.read(LIMIT - 4, 4) == b"last"
    with pytest.raises(BadGuestPointer):
        memory.check(LIMIT - 4, 5)
