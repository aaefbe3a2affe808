"""What the verbs do, each a coroutine that works on the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.tui.desk import Desk, Handler


def all_handlers(desk: Desk) -> Mapping[str, Handler]:
    """The handler of every verb, by its command."""
    from replay.tui.handlers.asking import Asking
    from replay.tui.handlers.looking import Looking
    from replay.tui.handlers.marking import Marking
    from replay.tui.handlers.moving import Moving
    from replay.tui.handlers.session import Session

    parts = (Moving(desk), Asking(desk), Marking(desk), Looking(desk), Session(desk))
    return {command: handler for part in parts for command, handler in part.handlers().items()}
