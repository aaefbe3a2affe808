"""Panes: their places, sizes and views, what a click in them does, and searching."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from tests.gdb.recordings import Recordings
from tests.tui.driver import NARROW, WIDE, Session, covers, drive
from tests.unit.replay.player.travelled import Journey

KEYS = {
    "events": "1",
    "code": "2",
    "registers": "3",
    "stack": "4",
    "console": "5",
    "memory": "6",
    "network": "7",
    "blocks": "8",
    "watches": "9",
    "notes": "0",
    "why": "Y",
    "output": "o",
}


@covers("focus")
@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_every_pane_can_be_gone_to(everything: Journey, size: tuple[int, int]) -> None:
    async def script(s: Session) -> None:
        for name, key in KEYS.items():
            await s.press(key)
            assert s.used == name
            assert s.is_seen(name)
            assert s.app.focused is s.pane(name)
        for name in KEYS:
            await s.command(f"focus {name[:3]}")
            assert s.used == name
            assert s.is_seen(name)
        await s.command("focus")
        await s.command("focus nonsense")
        assert s.said[-1].startswith("the panes are events, code")
        await s.press("1")
        turned = []
        for _ in range(6):
            await s.press("tab")
            turned.append(s.used)
        await s.press(*["shift+tab"] * 6)
        assert s.used == "events"
        assert len(set(turned)) == 5

    drive(everything.path, script, size=size)


@covers("zoom", "hide", "show", "grow", "shrink")
def test_places_and_sizes(everything: Journey) -> None:
    async def script(s: Session) -> None:
        seen = s.seen()
        assert seen == ["events", "code", "registers", "stack", "console"]
        await s.press("z")
        assert s.seen() == ["code"]
        await s.press("5")
        assert s.seen() == ["console"]
        await s.press("escape")
        assert s.seen() == seen
        await s.command("zoom")
        await s.press("z")
        height = s.size_of("console").height
        await s.press("plus")
        larger = s.size_of("console").height
        await s.press("minus")
        assert s.size_of("console").height == height < larger
        await s.press("2")
        width = s.size_of("code").width
        await s.command("grow")
        await s.command("grow")
        assert s.size_of("code").width > width
        await s.command("shrink")
        await s.press("minus", *["minus"] * 20)
        assert 0 < s.size_of("code").width < width
        await s.press(*["equals_sign"] * 30)
        assert s.is_seen("events")
        await s.press("x")
        assert not s.is_seen("code")
        assert s.used != "code"
        await s.command("hide events")
        assert not s.is_seen("events")
        await s.press("2")  # whoever goes there sees it
        assert s.is_seen("code")
        for _ in range(8):
            await s.press("x")
        assert s.seen()
        await s.press("X")
        assert s.seen() == seen
        await s.press("x")
        await s.command("show")
        assert s.seen() == seen

    drive(everything.path, script, size=WIDE)


@covers("view", "time", "axis")
def test_other_views(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until disk")
        for name, key in KEYS.items():
            await s.press(key)
            first = s.text(name)
            views = {first}
            for _ in range(3):
                await s.press("v")
                views.add(s.text(name))
            has_views = name in ("code", "registers", "stack", "console", "blocks", "network")
            assert (len(views) > 1) is has_views, name
        await s.press("2")
        while "mixed" not in s.pane("code").subtitle:
            await s.command("view")
        assert "0x1" in s.text("code")
        assert "box.sector[0] = letter" in s.text("code")
        relative = s.row_with("events", "WallClock")
        await s.press("t")
        assert s.row_with("events", "WallClock") != relative
        assert s.said[-1] == "times are of the day"
        await s.command("time")
        assert s.row_with("events", "WallClock") == relative
        bar = [s.scrubber.rows.line(n) for n in range(len(s.scrubber.rows))]
        await s.press("T")
        assert [s.scrubber.rows.line(n) for n in range(len(s.scrubber.rows))] != bar
        assert s.said[-1] == "the bar is divided by the guest's time"
        await s.command("axis")
        assert [s.scrubber.rows.line(n) for n in range(len(s.scrubber.rows))] == bar

    drive(everything.path, script, size=WIDE)


def test_clicks_and_enter_go_to_what_they_are_on(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.click_on("events", "#13")
        assert s.position.event == 13
        await s.click_on("console", "Solo5: memory")
        assert "Solo5: memory" in s.row_with("events", "▶") or s.position.event == 8
        await s.press("5", "home", "enter")
        assert s.position.event < 8
        await s.click(s.scrubber, 158, 0)
        assert s.position.event == 28
        await s.click(s.scrubber, 1, 0)
        assert s.position == Position(0)
        await s.press("8")
        await s.press("home", "enter")
        assert s.position.event == 17
        assert "BlockWrite" in s.row_with("events", "▶")
        await s.press("7", "home", "enter")
        assert s.position.event == 24
        await s.click_on("stack", "solo5_app_main")
        assert "solo5_app_main" in s.pane("code").subtitle
        await s.press("6", "left", "right", "down", "up")
        await s.click_on("memory", "00")
        assert s.used == "memory"
        await s.click(s.app.query("Titles").first(), 3, 0)
        assert s.used == "events"

    drive(everything.path, script, size=WIDE)


def test_titles_of_panes_can_be_clicked(everything: Journey) -> None:
    async def script(s: Session) -> None:
        titles = next(each for each in s.app.query("Titles") if "Memory" in str(each.render()))
        x = str(titles.render()).index("Memory")
        await s.click(titles, x, 0)
        assert s.used == "memory"
        assert s.is_seen("memory")
        await s.press("tab", "shift+tab")
        assert s.used == "memory"

    drive(everything.path, script)


def test_the_pointer_at_the_cursor_is_followed(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        await s.command("x $rsp + 8")
        at = s.pane("memory").subtitle
        assert at.startswith("0xffff70")
        await s.press("enter")
        assert s.pane("memory").subtitle.startswith("0xffff80")
        await s.command("x $rsp")
        await s.press("enter")  # a return address leads to code
        assert s.used == "code"
        assert "solo5_app_main" in s.pane("code").subtitle
        await s.press("4")
        s.put_cursor("stack", "00ffff70")
        await s.press("enter")
        assert s.used == "memory"

    drive(everything.path, script)


@covers("search", "search-next", "search-previous")
def test_searching(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("1", "slash")
        await s.type("wallclock")
        await s.press("enter")
        assert "#13 " in s.row("events")
        await s.press("full_stop")
        assert "#14 " in s.row("events")
        await s.press("comma")
        assert "#13 " in s.row("events")
        await s.command("search-next")
        await s.command("search-next")
        assert "#15 " in s.row("events")
        await s.press("full_stop")
        assert s.said[-1] == "'wallclock' is nowhere below in events; , looks above"
        await s.command("search-previous")
        assert "#14 " in s.row("events")
        await s.press("5", "home")
        await s.command("search Solo5:")
        found = [s.row("console")]
        for _ in range(3):
            await s.press("full_stop")
            found.append(s.row("console"))
        assert [line.split()[2] for line in found] == ["solo5-replay", "memory", "text", "rodata"]
        await s.press("comma")
        assert "text" in s.row("console")
        await s.press("2")
        await s.command("find XORL")
        assert "xorl" in s.row("code")
        await s.command("find nowhere at all")
        assert "is nowhere below in code" in s.said[-1]
        assert s.position == Position(0)

    drive(everything.path, script)


def test_searching_memory(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("6")
        await s.command("search u64:0x1122334455667788")
        first = s.pane("memory").subtitle
        assert "secret" in first
        assert "88" in s.row("memory")
        await s.press("full_stop")
        assert s.pane("memory").subtitle == first  # the only one, all around
        await s.command("search this is not in there")
        assert "is nowhere else in memory" in s.said[-1]
        await s.command("search hex:1")
        assert "hexadecimal digits in pairs" in s.said[-1]
        await s.command("search first ")
        assert "66 69 72 73 74" in s.shown("memory")

    drive(everything.path, script)


@covers("filter")
def test_filters(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("ampersand")
        await s.type("call:clock")
        await s.press("enter")
        assert s.used == "events"
        assert [line.split()[1] for line in s.rows("events")] == ["0.000010"] * 3
        assert "3" in s.pane("events").subtitle
        await s.command("filter storage")
        assert len(s.rows("events")) == 4
        await s.command("filter call:block_read storage")
        assert len(s.rows("events")) == 2
        await s.command("filter call:nonsense")
        assert "families" in s.said[-1]
        await s.command("filter nothing has this")
        assert s.rows("events") == []
        await s.press("enter", "down", "end")
        await s.press("ampersand")
        assert s.typed == "nothing has this"
        await s.press(*["backspace"] * 20, "enter")
        assert len(s.rows("events")) == 29
        assert s.pane("events").subtitle == ""

    drive(everything.path, script)


def test_frames_and_blocks(recordings: Recordings) -> None:
    async def frames(s: Session) -> None:
        await s.press("7")
        assert len(s.rows("network")) > 5
        assert any("ARP" in line for line in s.rows("network"))
        await s.press("end", "enter")
        assert s.position.event > 0
        await s.press("v")
        assert "0000" in s.text("network")
        await s.press("v")
        await s.command("search icmp")

    drive(recordings.trace("net"), frames, size=WIDE)

    async def blocks(s: Session) -> None:
        await s.press("8", "end", "enter")
        assert s.position.event > 0
        await s.press("v", "v")
        assert "storage" in s.text("blocks")

    drive(recordings.trace("blk"), blocks, size=WIDE)
