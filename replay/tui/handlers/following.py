"""Going to what a piece of text stands for."""

from __future__ import annotations

from typing import assert_never

from replay.tui.desk import Desk
from replay.tui.model.rows import (
    Target,
    ToCode,
    ToEvent,
    ToFrame,
    ToMemory,
    ToPosition,
    ToRegister,
)
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.memory_pane import MemoryPane


async def follow_target(desk: Desk, target: Target) -> None:
    """Go there; raises ``Refusal`` and ``PlayerError``."""
    match target:
        case ToPosition(position):
            await desk.travel(f"to {position}", lambda explorer: explorer.seek(position))
        case ToEvent(event):
            await desk.travel(f"to event {event}", lambda explorer: explorer.to_event(event))
        case ToRegister(name):
            await desk.travel(
                f"last write of {name}", lambda explorer: explorer.last_register_write(name)
            )
        case ToCode(address):
            show_code(desk, address)
        case ToMemory(address):
            show_memory(desk, address)
        case ToFrame(number):
            await desk.select_frame(number)
        case _:
            assert_never(target)


def show_code(desk: Desk, address: int | None) -> None:
    """Look at other code; ``None``: where the guest stands."""
    pane = desk.reveal(CodePane.NAME)
    assert isinstance(pane, CodePane)
    pane.go_to(address)


def show_memory(desk: Desk, address: int) -> None:
    """Look at other memory."""
    pane = desk.reveal(MemoryPane.NAME)
    assert isinstance(pane, MemoryPane)
    pane.go_to(address)
