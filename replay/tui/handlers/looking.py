"""Looking around: panes, their sizes, what they show, and searching in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from replay.tui.desk import Desk, Handler, Refusal
from replay.tui.explorer import Explorer
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.memory_pane import MemoryPane

_SLICE_BYTES = 4 << 20


class Looking:
    """The handlers of all verbs that change what is seen and not where the guest stands."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sought = ""

    def handlers(self) -> Mapping[str, Handler]:
        """By command."""
        return {
            "focus": self._focus,
            "zoom": self._zoom,
            "hide": self._hide,
            "show": self._show,
            "grow": partial(self._resize, 1),
            "shrink": partial(self._resize, -1),
            "view": self._view,
            "time": self._time,
            "axis": self._axis,
            "search": self._search,
            "search-next": partial(self._again, 1),
            "search-previous": partial(self._again, -1),
            "filter": self._ask_filter,
            "filter-by": self._filter,
            "symbol": self._symbol,
            "follow": self._follow,
        }

    # ---- places of the screen

    async def _focus(self, argument: str) -> None:
        panes = self._desk.panes
        meant = [name for name in panes if argument and name.startswith(argument)]
        if not meant:
            raise Refusal(f"the panes are {', '.join(panes)}")
        self._desk.reveal(meant[0])

    async def _zoom(self, _: str) -> None:
        layout = self._desk.layout_of_panes
        layout.wishes = layout.wishes.toggled_zoom()
        self._desk.arrange()

    async def _hide(self, argument: str) -> None:
        if argument:
            await self._focus(argument)
        layout = self._desk.layout_of_panes
        layout.wishes = layout.wishes.without(layout.place_of(self._desk.pane))
        self._desk.leave_place()

    async def _show(self, _: str) -> None:
        layout = self._desk.layout_of_panes
        layout.wishes = layout.wishes.with_all()
        self._desk.arrange()

    async def _resize(self, by: int, _: str) -> None:
        layout = self._desk.layout_of_panes
        layout.wishes = layout.wishes.resized(layout.place_of(self._desk.pane), by)
        self._desk.arrange()

    async def _view(self, _: str) -> None:
        self._desk.pane.switch_view()

    async def _time(self, _: str) -> None:
        self._desk.recording.switch_time()
        self._desk.show_times()
        self._desk.say(f"times are {self._desk.recording.times.value}")

    async def _axis(self, _: str) -> None:
        what = self._desk.switch_axis()
        self._desk.say(f"the bar is divided by {what}")

    # ---- searching

    async def _search(self, argument: str) -> None:
        if not argument:
            self._desk.prompt("/")
            return
        self._sought = argument
        await self._again(1, "")

    async def _again(self, step: int, _: str) -> None:
        if not self._sought:
            raise Refusal("nothing was looked for yet: / begins")
        pane, text = self._desk.pane, self._sought
        where = "below" if step > 0 else "above"
        async with self._desk.undertake(f"looking for {text}") as work:
            if isinstance(pane, MemoryPane):
                where = "else"
                found = await self._find_in_memory(pane, step, work)
            else:
                found = await pane.find(text, step, work)
        if work.is_cancelled:
            raise Refusal("cancelled")
        if not found:
            other = {"below": "; , looks above", "above": "; . looks below"}.get(where, "")
            raise Refusal(f"{text!r} is nowhere {where} in {pane.TITLE.lower()}{other}")

    async def _find_in_memory(self, pane: MemoryPane, step: int, work: Undertaking) -> bool:
        """In the timeline's thread, which alone may look at the guest."""
        search = pane.search(self._sought, step)

        def look(explorer: Explorer) -> int | None:
            while not (search.is_over or work.is_cancelled):
                found = search.advance(explorer.timeline, _SLICE_BYTES)
                if found is not None:
                    return found
                work.fraction = search.done / search.size
            return None

        address = await self._desk.ask("", look, within=work)
        if address is not None:
            pane.show_found(address, len(search.pattern))
        return address is not None

    async def _filter(self, argument: str) -> None:
        events = self._desk.panes[EventsPane.NAME]
        assert isinstance(events, EventsPane)
        events.set_filter(argument)
        self._desk.reveal(EventsPane.NAME)

    async def _ask_filter(self, argument: str) -> None:
        """By its key, the filter is typed; an empty line shows all again."""
        if argument:
            await self._filter(argument)
        else:
            events = self._desk.panes[EventsPane.NAME]
            assert isinstance(events, EventsPane)
            self._desk.prompt("&", events.filter_text)

    async def _symbol(self, argument: str) -> None:
        await self._desk.search_symbols(argument)

    async def _follow(self, _: str) -> None:
        self._desk.switch_following()
