"""A desk without a screen: it notes what handlers want of it, and makes their journeys at once.

Panes are real but on no screen; those that handlers talk to only take note of what they are told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from replay.player.origins import Origin
from replay.tui.desk import Refusal, Way
from replay.tui.explorer import FAILURES, Explorer, Moment
from replay.tui.handlers import all_handlers
from replay.tui.layout import Layout
from replay.tui.model.arrangement import BOTTOM, CENTRE, LEFT, RIGHT, RIGHT_BELOW
from replay.tui.model.event_filter import parse_query
from replay.tui.model.history import History
from replay.tui.model.points import Display, Point
from replay.tui.model.rows import ToMemory, ToRegister
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.console_pane import ConsolePane
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.memory_pane import MemoryPane
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.pane_group import PaneGroup
from replay.tui.widgets.registers_pane import RegistersPane
from replay.tui.widgets.stack_pane import StackPane
from replay.tui.widgets.watches_pane import WatchesPane
from replay.tui.widgets.why_pane import WhyPane

T = TypeVar("T")


class FakeEvents(EventsPane):
    """Takes filters that mean something."""

    is_marked = False

    def set_filter(self, text: str) -> None:
        parse_query(text)
        self.filter_text = text

    def show_marks(self) -> None:
        self.is_marked = True


class FakeCode(CodePane):
    """Goes nowhere; ``here`` is the place under the cursor, and its address."""

    here: tuple[str, int] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.gone_to: list[int | None] = []

    def go_to(self, address: int | None) -> None:
        self.gone_to.append(address)

    def place_under_cursor(self) -> str:
        return "" if self.here is None else self.here[0]

    def addresses_under_cursor(self) -> tuple[int, ...]:
        return () if self.here is None else (self.here[1],)


class FakeRegisters(RegistersPane):
    """Has some value under the cursor."""

    under: ToMemory | ToRegister | None = None

    def value(self) -> ToMemory | ToRegister | None:
        return self.under


class FakeMemory(MemoryPane):
    """Goes nowhere."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.gone_to: list[int] = []

    def go_to(self, address: int) -> None:
        self.gone_to.append(address)


class FakeWatches(WatchesPane):
    """Has some point under the cursor."""

    under: Display | Point | None = None

    def under_cursor(self) -> Display | Point | None:
        return self.under


class FakeWhy(WhyPane):
    """Keeps the answer."""

    origin: Origin | None = None

    def show_origin(self, origin: Origin, label: str) -> None:
        self.origin = origin


class FakeDesk:
    """See ``replay.tui.desk.Desk``. It begins where the explorer stands; without one, the guest
    has not booted yet."""

    def __init__(self, recording: Recording, explorer: Explorer | None = None) -> None:
        self.recording = recording
        self.history = History()
        self.events, self.code, self.registers = FakeEvents(recording), FakeCode(), FakeRegisters()
        self.stack, self.watches, self.why = StackPane(), FakeWatches(), FakeWhy()
        self.memory = FakeMemory(recording)
        groups = {
            LEFT: (self.events,),
            CENTRE: (self.code,),
            RIGHT: (self.registers,),
            RIGHT_BELOW: (self.stack, self.watches),
            BOTTOM: (ConsolePane(recording), self.memory, self.why),
        }
        self.panes: Mapping[str, Pane] = {
            pane.NAME: pane for group in groups.values() for pane in group
        }
        self.layout_of_panes = Layout(
            {place: PaneGroup(group, id=place) for place, group in groups.items()}
        )
        self.pane: Pane = self.code
        self.explorer = explorer
        self.moment: Moment | None = None if explorer is None else explorer.look({})
        self.work = Undertaking("")
        """What comes next is made a part of this."""
        self.travels: list[str] = []
        self.asked: list[str] = []
        self.said: list[str] = []
        self.answers: list[str] = []
        self.prompts: list[str] = []
        self.did: list[str] = []
        """Whatever else was wanted, by the method's name and argument."""

    def do(self, command: str, argument: str = "") -> None:
        """What a verb does; raises what its handler raises."""

        async def handle() -> None:
            await all_handlers(self)[command](argument)

        asyncio.run(handle())

    # ---- the guest

    async def travel(self, title: str, way: Way, *, remembered: bool = True) -> Moment:
        assert self.explorer is not None
        assert self.moment is not None
        self.travels.append(title)
        before, self.moment = self.moment, self.explorer.travel(way, {})
        if remembered and self.moment.position != before.position:
            self.history.leave(before.position)
        if self.moment.trouble is not None:
            self.said.append(self.moment.trouble.text)
        return self.moment

    async def ask(
        self, title: str, job: Callable[[Explorer], T], *, within: Undertaking | None = None
    ) -> T:
        assert self.explorer is not None
        assert within is None or within is self.work
        self.asked.append(title)
        try:
            return job(self.explorer)
        except FAILURES as error:
            raise Refusal(str(error)) from error

    @contextlib.asynccontextmanager
    async def undertake(self, title: str) -> AsyncIterator[Undertaking]:
        self.work.title = title
        yield self.work

    async def look_again(self) -> None:
        assert self.explorer is not None
        self.moment = self.explorer.look({})

    async def select_frame(self, number: int) -> None:
        self.did.append(f"select_frame {number}")

    def is_cancelling(self) -> bool:
        return self.work.is_cancelled

    def cancel(self) -> bool:
        self.did.append("cancel")
        return True

    # ---- the user

    def say(self, text: str, *, bad: bool = False) -> None:
        assert not bad
        self.said.append(text)

    def answer(self, text: str) -> None:
        self.answers.append(text)

    def prompt(self, prefix: str, text: str = "") -> None:
        self.prompts.append(f"{prefix}{text}")

    def show_help(self) -> None:
        self.did.append("show_help")

    # ---- the screen

    def reveal(self, pane: str) -> Pane:
        self.pane = self.panes[pane]
        self.did.append(f"reveal {pane}")
        return self.pane

    def arrange(self) -> None:
        self.did.append("arrange")

    def leave_place(self) -> None:
        self.did.append("leave_place")

    def show_marks(self) -> None:
        self.did.append("show_marks")

    def switch_axis(self) -> str:
        self.did.append("switch_axis")
        return "events"

    def show_times(self) -> None:
        self.did.append("show_times")

    async def search_symbols(self, text: str) -> None:
        self.did.append(f"search_symbols {text}")

    def switch_following(self) -> None:
        self.did.append("switch_following")

    def theme_names(self) -> Sequence[str]:
        return ("dark", "light")

    def use_theme(self, name: str) -> None:
        self.did.append(f"use_theme {name}")

    def picture(self) -> str:
        return "<svg/>"

    def leave(self) -> None:
        self.did.append("leave")
