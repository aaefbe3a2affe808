"""Breakpoints, watches, displays, bookmarks, notes and checkpoints."""

from __future__ import annotations

from replay.machine.position import Position
from tests.tui.driver import WIDE, Session, covers, drive
from tests.tui.test_moving import line_of
from tests.unit.replay.player.travelled import SECRET, Journey


@covers("break", "tbreak", "delete", "enable", "disable", "condition")
def test_breakpoints(everything: Journey) -> None:
    ticks = everything.at("tick")

    async def script(s: Session) -> None:
        await s.command("until copy")
        s.put_cursor("code", "unaligned();")
        await s.press("2", "b")
        assert s.row_with("watches", "break") == row_of(s, 1)
        assert "●" in s.row("code")
        await s.press("b")  # at the same line, it is taken away again
        assert "●" not in s.row("code")
        await s.command("start")
        await s.command("tbreak tick")
        await s.command("b tick if u64[&box] == 3")
        await s.press("c")
        assert s.position == ticks[0]
        assert s.status.endswith("breakpoint 2, tick")
        assert "tbreak" not in s.text("watches")
        await s.press("c")
        assert s.position == ticks[3]
        assert s.status.endswith("breakpoint 3, tick")
        assert "1 hit" in row_of(s, 3)
        await s.command("condition 3 u64[&box] == 5")
        assert "if u64[&box] == 5" in row_of(s, 3)
        await s.press("c")
        assert s.position == ticks[5]
        await s.command("condition 3")
        await s.press("c")
        assert s.position == ticks[6]
        await s.command("disable 3")
        await s.press("c")
        assert s.position == s.moment.end
        await s.command("enable 3")
        await s.press("C")
        assert s.position == ticks[-1]
        await s.press("9")
        s.put_cursor("watches", "tick")
        await s.press("enter")  # a breakpoint leads to its code
        assert s.used == "code"
        await s.press("9", "delete")
        assert "break" not in s.rows("watches")[0].split(";")[0][:6]
        await s.command("delete 3")
        assert s.said[-1] == "there is no breakpoint or watch number 3"
        await s.command("d")
        assert "delete wants a number" in s.said[-1] or "no row" in s.said[-1]
        for bad in (
            "b nope",
            "tbreak",
            "b tick if",
            "b tick if nope",
            "condition 9 1",
            "enable",
            "disable x",
            "condition",
            "delete 1 2 3",
        ):
            count = len(s.output)
            await s.command(bad)
            assert len(s.output) > count + 1, bad
        assert s.position == ticks[-1]

    drive(everything.path, script, size=WIDE)


def row_of(s: Session, number: int) -> str:
    """The row of a breakpoint or watch."""
    return s.row_with("watches", f"{number:>3} ")


@covers("watch", "rwatch", "awatch")
def test_watches(everything: Journey) -> None:
    changes = everything.changes(0, 8)

    async def script(s: Session) -> None:
        await s.command("watch u64[&box]")
        await s.press("c")
        assert s.position == changes[0][1]
        assert "watch 1, u64[&box]" in s.status
        assert "0 → 1" in s.status
        await s.press("c")
        assert s.position == changes[1][1]
        assert "was 1" in row_of(s, 1)
        await s.press("C", "C")
        assert s.position == changes[0][0]
        await s.command("delete 1")
        await s.command("rwatch secret")
        await s.press("c")
        assert "watch 2, secret" in s.status
        read = s.position
        await s.command("delete 2")
        await s.command("awatch secret if secret == 5")
        await s.press("less_than_sign", "c")
        assert s.position == s.moment.end
        await s.command("condition 3 secret > 5")
        await s.press("less_than_sign", "c")
        assert s.position == read
        await s.command("x &secret")
        await s.press("w")  # the value under the cursor
        assert "u64[0x" in row_of(s, 4)
        assert f"{SECRET}" in row_of(s, 4)
        await s.press("9")
        s.put_cursor("watches", "u64[0x")
        await s.press("enter")
        assert s.used == "memory"
        await s.press("2", "w")
        assert "no memory is under the cursor" in s.said[-1]
        for bad in ("watch nope", "watch 1 +", "rwatch", "awatch", "watch box if", "rwatch *"):
            count = len(s.output)
            await s.command(bad)
            assert len(s.output) > count + 1, bad

    drive(everything.path, script, size=WIDE)


@covers("display", "undisplay")
def test_displays(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("D")
        assert s.typed == "display "
        await s.type("u64[&box]")
        await s.press("enter")
        assert s.used == "watches"
        assert s.rows("watches")[0].strip().startswith("1: u64[&box] = 0")
        await s.command("display/x $rip")
        await s.command("until tick")
        await s.command("finish")
        assert s.rows("watches")[0].strip().startswith("1: u64[&box] =*1")
        assert "/x $rip" in s.rows("watches")[1]
        await s.command("undisplay 1")
        assert "u64[&box]" not in s.text("watches")
        await s.press("9", "home", "delete")
        assert "$rip" not in s.text("watches")
        await s.command("undisplay 7")
        assert s.said[-1] == "there is no display number 7"
        await s.command("display nope")
        assert "there is no variable" in s.said[-1]

    drive(everything.path, script)


@covers("bookmark", "note", "forget", "checkpoint", "restart")
def test_marks_of_places(private: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("seek 16")
        await s.press("m")
        assert s.typed == "bookmark "
        await s.type("here")
        await s.press("enter")
        await s.press("a")
        await s.type("what a place")
        await s.press("enter")
        await s.command("ch")
        assert s.said[-1].startswith("checkpoint 1 at 16")
        assert [line.split()[-1] for line in s.rows("notes")] == ["place", "1", "here"]
        assert all(line.startswith("→") for line in s.rows("notes"))
        row = s.row_with("events", "#16")
        assert "what a place" in row
        assert "◆" in row
        await s.command("note")
        assert s.typed == "note what a place"
        await s.press("escape")
        await s.command("start")
        assert "◆" in s.screen()[2]
        await s.command("restart 1")
        assert s.position == Position(16)
        await s.command("restart")
        assert s.position == Position(0)
        await s.command("seek here")
        await s.press("less_than_sign", "0")
        s.put_cursor("notes", "here")
        await s.press("enter")
        assert s.position == Position(16)
        await s.command("forget")
        await s.command("forget here")
        assert s.text("notes").strip().endswith("checkpoint 1")
        for bad in (
            "forget",
            "forget nope",
            "bookmark 1x",
            "bookmark c7",
            "bookmark end",
            "restart 9",
            "restart x",
            "note " + "x" * 5000,
        ):
            count = len(s.output)
            await s.command(bad)
            assert len(s.output) > count + 1, bad

    drive(private.path, script)
    kept: list[str] = []

    async def again(s: Session) -> None:
        kept.extend(s.rows("notes"))

    drive(private.path, again)
    assert "m keeps this place" in kept[0]  # checkpoints are of one session
    assert line_of("copy();")


def test_marks_that_cannot_be_kept(private: Journey) -> None:
    notes = private.path.with_name(private.path.name + ".notes.json")
    notes.write_text("this is no notebook")

    async def script(s: Session) -> None:
        assert notes.name in s.text("notes")
        await s.command("bookmark here")
        assert notes.name in s.said[-1]

    drive(private.path, script)
    assert notes.read_text() == "this is no notebook"
