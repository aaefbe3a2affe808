"""What the handlers of verbs work with: the application, seen from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from replay.player.stops import Stop
from replay.tui.explorer import Explorer, Moment
from replay.tui.widgets.pane import Pane

T = TypeVar("T")
Way = Callable[[Explorer], Stop]
"""A journey, made in the thread that owns the timeline."""

Handler = Callable[[str], Awaitable[None]]
"""Does what a verb says; its argument is what was typed behind the command, empty for a key."""


class Refusal(Exception):
    """What was asked for cannot be done as it was asked; the text is for people."""


class Desk(Protocol):
    """The application, as handlers use it."""

    @property
    def moment(self) -> Moment | None:
        """The guest as it stands; ``None`` before it has booted."""
        ...

    @property
    def pane(self) -> Pane:
        """The focused pane, or the one that was last."""
        ...

    @property
    def panes(self) -> Mapping[str, Pane]:
        """All panes by name."""
        ...

    async def travel(self, title: str, way: Way, *, remembered: bool = True) -> Moment | None:
        """Go a way and show where it ended; ``None`` if it was not begun. ``title`` is shown while
        it lasts. The place before is ``remembered`` for `back`."""
        ...

    async def ask(self, title: str, job: Callable[[Explorer], T]) -> T:
        """Have something looked up in the timeline's thread; raises ``Refusal`` for what fails."""
        ...

    async def look_again(self) -> None:
        """Let all panes look at the guest again, which stands where it stood."""
        ...

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the user something, briefly."""
        ...

    def log(self, text: str) -> None:
        """Put the answer to a command where it stays."""
        ...

    def prompt(self, prefix: str, text: str = "") -> None:
        """Let the user type, behind ``prefix``."""
        ...

    def reveal(self, pane: str) -> Pane:
        """Bring a pane to where it is seen, and focus it."""
        ...


def count_of(argument: str) -> int:
    """How many times, 1 if nothing is said; raises ``Refusal``."""
    if not argument:
        return 1
    if not argument.isdecimal() or not 0 < int(argument) < 1 << 63:
        raise Refusal(f"{argument!r} is not a number of times")
    return int(argument)
