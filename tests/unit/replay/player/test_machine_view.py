from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replay.player.machine_view import MachineView
from tests.unit.replay.player.travelled import BOX_BYTES, TARGET, Journey, replaying

PAGE = 4096
USER = 3


class FlatEngine:
    """A guest in user mode without page tables."""

    def __init__(self, memory: bytes, rip: int) -> None:
        self._memory = memory
        self._rip = rip

    def registers(self) -> dict[str, int]:
        return {"cs": USER, "cr3": 0, "rip": self._rip}

    def read(self, gpa: int, size: int) -> bytes:
        return self._memory[gpa : gpa + size]


def flat(memory: bytes, rip: int = 0) -> MachineView:
    ram = SimpleNamespace(size=len(memory))
    machine: Any = SimpleNamespace(engine=FlatEngine(memory, rip), ram=ram)
    return MachineView(machine)


def test_what_the_guest_could_read_is_read(journey: Journey) -> None:
    with replaying(journey.path) as replay:
        replay.seek(journey.moments[-1].position)
        view = MachineView(replay.machine)
        assert view.registers()["rip"] == journey.moments[-1].rip
        assert view.read(journey.box + TARGET, 4) == b"\1\2\3\4"
        joined = view.read(journey.box - 8, PAGE + 16)
        assert joined is not None
        assert len(joined) == PAGE + 16
        assert joined[8 : 8 + BOX_BYTES] == journey.moments[-1].box
        assert view.read(1 << 46, 1) is None
        assert view.read(replay.machine.ram.size - 4, 8) is None
        assert view.read((1 << 64) - 4, 8) is None


def test_without_page_tables_addresses_are_physical() -> None:
    view = flat(bytes(PAGE - 1) + b"ab" + bytes(PAGE - 1))
    assert view.read(PAGE - 1, 2) == b"ab"
    assert view.read(2 * PAGE - 1, 1) == b"\0"
    assert view.read(2 * PAGE - 1, 2) is None
    places = list(view.places(view.registers(), PAGE - 1, 2 + PAGE))
    assert places == [(PAGE - 1, 1), (PAGE, PAGE), (None, 1)]


@pytest.mark.parametrize(
    ("code", "is_repeated"),
    [
        ("f3 a4", True),  # rep movsb
        ("f3 48 ab", True),  # rep stosq
        ("66 f3 a5", True),
        ("f2 67 ae", True),  # repne scasb with a short address
        ("a4", False),
        ("48 ab", False),
        ("f3 90", False),  # pause
        ("f3 0f 1e fa", False),  # endbr64
        ("f3 48 0f b8 c0", False),  # popcnt
        ("f3 6e", False),  # rep outsb, a site
        ("e2 fe", False),  # loop to itself
    ],
)
def test_repeated_instructions(code: str, is_repeated: bool) -> None:
    data = bytes.fromhex(code)
    assert flat(data.ljust(PAGE, b"\x90")).stands_at_repeated() is is_repeated
    at = PAGE - len(data)  # right at the end of memory
    assert flat(bytes(at) + data, at).stands_at_repeated() is is_repeated


def test_no_instruction_where_there_is_no_memory() -> None:
    assert not flat(bytes(PAGE), 1 << 30).stands_at_repeated()


def test_a_still_view_asks_for_registers_once() -> None:
    view = flat(bytes(range(64)), rip=3)
    still = view.still()
    view._machine.engine._rip = 9
    assert (view.registers()["rip"], still.registers()["rip"]) == (9, 3)
    assert still.read(5, 2) == b"\5\6"
