"""Verbs that change what is seen and not where the guest stands."""

from __future__ import annotations

import asyncio

import pytest

from replay.tui.desk import Refusal
from replay.tui.handlers.looking import Looking
from replay.tui.model.arrangement import CENTRE, RIGHT_BELOW
from replay.tui.model.event_filter import BadQuery
from replay.tui.recording import Times
from replay.tui.undertaking import Undertaking
from tests.unit.replay.player.travelled import FRAME, Journey
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


class Searching:
    """Handlers that remember what was looked for, and a pane that has it in some rows."""

    def __init__(self, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk, self.sought = desk, list[tuple[str, int]]()
        self.finds = True
        self._handlers = Looking(desk).handlers()
        monkeypatch.setattr(desk.pane, "find", self._find)

    async def _find(self, text: str, step: int, work: Undertaking) -> bool:
        assert work is self.desk.work
        self.sought.append((text, step))
        return self.finds

    def do(self, command: str, argument: str = "") -> None:
        async def handle() -> None:
            await self._handlers[command](argument)

        asyncio.run(handle())


def test_a_beginning_means_a_pane(early_desk: FakeDesk) -> None:
    early_desk.do("focus", "st")
    assert early_desk.pane is early_desk.stack
    for bad in ("", "nothing"):
        with pytest.raises(Refusal, match="the panes are events, code"):
            early_desk.do("focus", bad)


def test_places_are_hidden_zoomed_sized_and_shown_again(early_desk: FakeDesk) -> None:
    layout = early_desk.layout_of_panes
    first = layout.wishes
    early_desk.do("grow")
    assert layout.wishes.shares[CENTRE] > first.shares[CENTRE]
    early_desk.do("shrink")
    assert layout.wishes == first
    early_desk.do("zoom")
    assert layout.wishes.zoomed
    early_desk.do("hide")
    early_desk.do("hide", "watches")
    assert layout.wishes.hidden == {CENTRE, RIGHT_BELOW}
    assert early_desk.did[-1] == "leave_place"
    early_desk.do("show")
    assert layout.wishes == first
    assert early_desk.did[-1] == "arrange"


def test_times_the_bar_and_following(early_desk: FakeDesk) -> None:
    early_desk.do("time")
    assert early_desk.recording.times is Times.WALL
    early_desk.do("axis")
    early_desk.do("follow")
    early_desk.do("symbol", "net read")
    assert early_desk.did == [
        "show_times",
        "switch_axis",
        "switch_following",
        "search_symbols net read",
    ]


def test_a_filter_is_typed_or_named(early_desk: FakeDesk) -> None:
    early_desk.do("filter", "call:net hello")
    assert early_desk.events.filter_text == "call:net hello"
    assert early_desk.pane is early_desk.events
    early_desk.do("filter")
    assert early_desk.prompts == ["&call:net hello"]
    early_desk.do("filter-by", "")
    assert early_desk.events.filter_text == ""
    with pytest.raises(BadQuery):
        early_desk.do("filter", "call:nonsense")


def test_the_same_is_looked_for_again(
    early_desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Searching(early_desk, monkeypatch)
    with pytest.raises(Refusal, match="nothing was looked for yet"):
        looking.do("search-next")
    looking.do("search")
    assert early_desk.prompts == ["/"]
    looking.do("search", "words")
    looking.do("search-next")
    looking.do("search-previous")
    assert looking.sought == [("words", 1), ("words", 1), ("words", -1)]
    assert early_desk.work.title == "looking for words"


def test_what_is_not_found_says_where(
    early_desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Searching(early_desk, monkeypatch)
    looking.finds = False
    with pytest.raises(Refusal, match="'words' is nowhere below in code"):
        looking.do("search", "words")
    with pytest.raises(Refusal, match="above in code"):
        looking.do("search-previous")
    early_desk.work.is_cancelled = True
    with pytest.raises(Refusal, match="cancelled"):
        looking.do("search-next")


def test_a_search_that_means_nothing_is_the_users_mistake(early_desk: FakeDesk) -> None:
    early_desk.pane = early_desk.events
    with pytest.raises(BadQuery):
        early_desk.do("search", "call:nonsense")


def test_memory_is_searched_where_the_guest_is(desk: FakeDesk, everything: Journey) -> None:
    desk.pane = desk.memory
    desk.do("end")
    desk.do("search", FRAME[:8].hex(" "))
    (found,) = desk.memory.gone_to
    assert desk.explorer is not None
    assert desk.explorer.timeline.read(found, 8) == FRAME[:8]
    assert desk.work.fraction is None or 0 <= desk.work.fraction <= 1
    with pytest.raises(Refusal, match="nowhere else in memory"):
        desk.do("search", "no such text in all of this guest's memory")


def test_a_search_of_memory_can_be_cancelled(desk: FakeDesk) -> None:
    desk.pane, desk.work.is_cancelled = desk.memory, True
    with pytest.raises(Refusal, match="cancelled"):
        desk.do("search", "whatever")
    assert desk.memory.gone_to == []
