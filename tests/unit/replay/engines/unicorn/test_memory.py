from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitors.ports import Protection
from replay.engines.ram import GuestRam
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory

SIZE = 1 << 20
CR3 = 0x1000


class Setting:
    """A memory whose first 2 MiB page is mapped at 0, and at 8 GiB once more."""

    def __init__(self) -> None:
        self.ram = GuestRam(SIZE)
        self.instance = Instance()
        self.changes: list[tuple[int, int]] = []
        protections = [Protection(0x8000, 0xA000, False), Protection(0x20000, 0x21000, True)]
        self.memory = EngineMemory(self.instance, self.ram, protections)
        self.memory.on_change = lambda gpa, end: self.changes.append((gpa, end))
        for at, entry in ((0x1000, 0x2003), (0x2000, 0x3003), (0x2040, 0x3003), (0x3000, 0x83)):
            self.ram.view[at : at + 8] = entry.to_bytes(8, "little")
        self.instance.set("cr3", CR3)


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.instance.close()
    made.ram.close()


def test_read_and_write(setting: Setting) -> None:
    setting.memory.write(0x5000, b"abc")
    assert setting.memory.read(0x5001, 2) == b"bc"
    assert bytes(setting.ram.view[0x5000:0x5003]) == b"abc"


def test_peek_and_poke_know_where_memory_ends(setting: Setting) -> None:
    assert setting.memory.peek(SIZE - 4, 4) == bytes(4)
    assert setting.memory.peek(SIZE - 3, 4) is None
    assert setting.memory.poke(SIZE - 4, b"1234")
    assert not setting.memory.poke(SIZE - 3, b"1234")


@pytest.mark.parametrize(
    ("gpa", "allowed"),
    [(0x7FFC, True), (0x7FFD, False), (0x9FFF, False), (0xA000, True), (0x20000, True)],
)
def test_poke_keeps_to_the_hosts_protections(setting: Setting, gpa: int, allowed: bool) -> None:
    assert setting.memory.poke(gpa, b"1234") == allowed
    assert (setting.memory.read(gpa, 4) == b"1234") == allowed
    assert setting.memory.is_read_only(gpa, gpa + 4) != allowed


def test_code_and_virtual_reads_go_through_the_page_tables(setting: Setting) -> None:
    setting.memory.write(0x5000, b"code")
    assert setting.memory.code((8 << 30) + 0x5000, 4) == b"code"
    assert setting.memory.read_virtual((8 << 30) + 0x5001, 3) == b"ode"
    assert setting.memory.read_virtual(1 << 40, 1) is None


def test_reads_end_where_mapping_or_memory_ends(setting: Setting) -> None:
    assert len(setting.memory.code(SIZE - 3, 15)) == 3
    assert setting.memory.read_virtual(SIZE - 3, 15) is None
    assert setting.memory.code(1 << 40, 15) == b""
    assert setting.memory.code((1 << 64) - 1, 15) == b""


def test_only_watched_pages_tell_of_changes(setting: Setting) -> None:
    memory = setting.memory
    memory.write(0x5000, b"x")
    assert setting.changes == []
    memory.code(0x5123, 4)
    memory.write(0x5FFF, b"x")
    memory.write(0x6000, b"x")
    memory.write(0x4FFE, b"xyz")
    memory.write(0x4000, bytes(0x3000))
    memory.write(0x5000, b"")
    memory.write(0x5000, bytes(0x1000))
    assert setting.changes == [(0x5FFF, 0x6000), (0x5000, 0x5001), (0x5000, 0x6000)]


def test_page_tables_are_watched(setting: Setting) -> None:
    assert setting.memory.watch_tables(CR3) == {1, 2, 3}
    setting.memory.write(0x3008, bytes([1] * 8))
    assert setting.changes == [(0x3008, 0x3010)]


def test_tables_that_lie_nowhere(setting: Setting) -> None:
    assert setting.memory.watch_tables(0xFFFF_F000) == {0xFFFFF}
    setting.ram.view[0x1008:0x1010] = (0x7FFF_F003).to_bytes(8, "little")
    assert 0x7FFFF in setting.memory.watch_tables(CR3)
