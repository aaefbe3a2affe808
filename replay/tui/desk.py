"""What the handlers of verbs work with: the application, seen from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from replay.player.stops import Stop
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.history import History
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from replay.tui.layout import Layout
    from replay.tui.recording import Recording

_DIGITS_MAX = 19
T = TypeVar("T")
Way = Callable[[Explorer], Stop]
"""A journey, made in the thread that owns the timeline."""

Handler = Callable[[str], Awaitable[None]]
"""Does what a verb says; its argument is what was typed behind the command, empty for a key."""


class Refusal(Exception):
    """What was asked for cannot be done as it was asked; the text is for people."""


class Busy(Refusal):
    """Something else is under way."""


class Desk(Protocol):
    """The application, as handlers use it."""

    recording: Recording
    history: History
    layout_of_panes: Layout

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

    # ---- the guest

    async def travel(self, title: str, way: Way, *, remembered: bool = True) -> Moment:
        """Go a way and show where it ended. ``title`` is shown while it lasts. The place before is
        ``remembered`` for `back`. Raises ``Busy``, as the next two do."""
        ...

    async def ask(
        self, title: str, job: Callable[[Explorer], T], *, within: Undertaking | None = None
    ) -> T:
        """Have something looked up in the timeline's thread, perhaps as a part of what is under way
        already; raises ``Refusal`` for what fails."""
        ...

    def undertake(self, title: str) -> AbstractAsyncContextManager[Undertaking]:
        """While inside, the user sees that something is under way, and can end it."""
        ...

    async def look_again(self) -> None:
        """Let all panes look at the guest again, which stands where it stood."""
        ...

    async def select_frame(self, number: int) -> None:
        """Look at a call on the stack, 0 the innermost; raises ``Refusal`` for one there is not."""
        ...

    def is_cancelling(self) -> bool:
        """Whether what is under way is to end; from any thread."""
        ...

    def cancel(self) -> bool:
        """End what is under way: a journey, a search, the zoom; whether there was anything."""
        ...

    # ---- the user

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the user something, briefly."""
        ...

    def answer(self, text: str) -> None:
        """Tell the user the answer to a command, which stays in the output pane."""
        ...

    def prompt(self, prefix: str, text: str = "") -> None:
        """Let the user type, behind ``prefix``."""
        ...

    def show_help(self) -> None:
        """The list of all verbs."""
        ...

    # ---- the screen

    def reveal(self, pane: str) -> Pane:
        """Bring a pane to where it is seen, and focus it."""
        ...

    def arrange(self) -> None:
        """Put the panes where the layout's wishes want them."""
        ...

    def leave_place(self) -> None:
        """The focused pane's place is hidden now; go to another."""
        ...

    def show_marks(self) -> None:
        """Bookmarks, notes or checkpoints are others now."""
        ...

    def switch_axis(self) -> str:
        """The bar over the run in equal parts by events, or by the guest's time; which it is."""
        ...

    def show_times(self) -> None:
        """Times are of another kind now."""
        ...

    async def search_symbols(self, text: str) -> None:
        """Show the functions and variables whose names have ``text`` in them."""
        ...

    def switch_following(self) -> None:
        """Follow a recording that is going on, or pause; raises ``Refusal`` where it is over."""
        ...

    def theme_names(self) -> Sequence[str]:
        """What ``use_theme`` takes."""
        ...

    def use_theme(self, name: str) -> None:
        """Other colours."""
        ...

    def picture(self) -> str:
        """The screen as SVG."""
        ...

    def leave(self) -> None:
        """End the session."""
        ...


def count_of(argument: str) -> int:
    """How many times, 1 if nothing is said; raises ``Refusal``."""
    if not argument:
        return 1
    if not (argument.isdecimal() and len(argument) < _DIGITS_MAX and int(argument)):
        raise Refusal(f"{argument[:_DIGITS_MAX]!r} is not a number of times")
    return int(argument)
