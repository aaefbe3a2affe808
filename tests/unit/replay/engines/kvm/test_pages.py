from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from replay.engines.kvm import api
from replay.engines.kvm.pages import Pages
from replay.engines.ram import PAGE_BYTES, GuestRam


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    ram = GuestRam(16 * PAGE_BYTES)
    yield ram
    ram.close()


@pytest.fixture
def machine(scripted: Any) -> Any:
    return scripted([])


def test_at_first_all_that_may_have_been_touched(ram: GuestRam, machine: Any) -> None:
    ram.view[5 * PAGE_BYTES] = 1
    pages = Pages(machine, ram, list)
    pages.note(0, 100)
    assert pages.dirty() == [5]
    assert machine.slots == [([], api.MEM_LOG_DIRTY_PAGES)]


def test_then_what_the_guest_and_the_host_wrote(ram: GuestRam, machine: Any) -> None:
    pages = Pages(machine, ram, list)
    pages.dirty()
    machine.dirty = [9, 2]
    pages.note(3 * PAGE_BYTES - 1, 2)
    pages.note(7 * PAGE_BYTES, 0)
    assert pages.dirty() == [2, 3, 9]
    machine.dirty = []
    assert pages.dirty() == []


def test_memory_comes_back_and_what_changed_by_that_is_dirty(ram: GuestRam, machine: Any) -> None:
    ram.view[0:3] = b"abc"
    pages = Pages(machine, ram, list)
    pages.dirty()
    saved = pages.save()
    assert list(saved) == [0]
    ram.view[0:3] = b"xyz"
    ram.view[4 * PAGE_BYTES] = 1
    pages.restore(saved)
    assert bytes(ram.view).rstrip(b"\0") == b"abc"
    assert pages.dirty() == [0, 4]
