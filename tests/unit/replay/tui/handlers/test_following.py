"""What a piece of text leads to."""

from __future__ import annotations

import asyncio

import pytest

from replay.machine.position import Position
from replay.tui.handlers.following import follow_target, show_code
from replay.tui.model.rows import (
    Target,
    ToCode,
    ToEvent,
    ToFrame,
    ToMemory,
    ToPosition,
    ToRegister,
)
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


def follow(desk: FakeDesk, target: Target) -> None:
    asyncio.run(follow_target(desk, target))


def test_moments_and_events_are_travelled_to(desk: FakeDesk) -> None:
    follow(desk, ToPosition(Position(4)))
    assert desk.moment is not None
    assert desk.moment.position == Position(4)
    follow(desk, ToEvent(6))
    assert desk.moment.position.event == 6
    assert desk.travels == ["to 4", "to event 6"]


def test_a_register_leads_to_its_last_write(desk: FakeDesk) -> None:
    follow(desk, ToPosition(Position(4)))
    follow(desk, ToRegister("rsp"))
    assert desk.moment is not None
    assert Position(0) < desk.moment.position < Position(4)
    follow(desk, ToRegister("rip"))
    assert desk.said == ["the writes of register rip cannot be found"]


@pytest.mark.parametrize("target", [ToCode(0x1000), ToMemory(0x2000), ToFrame(3)])
def test_what_only_is_looked_at_moves_nobody(early_desk: FakeDesk, target: Target) -> None:
    follow(early_desk, target)
    assert early_desk.travels == []
    seen = (early_desk.code.gone_to, early_desk.memory.gone_to, early_desk.did)
    assert (
        seen
        == {
            ToCode(0x1000): ([0x1000], [], ["reveal code"]),
            ToMemory(0x2000): ([], [0x2000], ["reveal memory"]),
            ToFrame(3): ([], [], ["select_frame 3"]),
        }[target]
    )


def test_code_where_the_guest_stands(early_desk: FakeDesk) -> None:
    show_code(early_desk, None)
    assert early_desk.code.gone_to == [None]
