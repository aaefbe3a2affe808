"""Unusual recordings, guests and terminals: nothing breaks, and everything says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.session import Changes
from replay.tui.app import ReplayApp
from replay.tui.explorer import A_BUG
from tests.gdb.recordings import Recordings
from tests.tui.driver import LARGE, NARROW, WIDE, Session, drive
from tests.tui.guests import (
    ESCAPES,
    printer,
    record_guest,
    with_damaged_tail,
    with_header,
    without_end,
    without_events,
)
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import stripped

PANE_KEYS = "1234567890Yo"
MIDDLE = (120, 36)


async def look_at_everything(s: Session) -> None:
    """Go to both ends and to every pane."""
    await s.press("greater_than_sign", "less_than_sign", "n", "i", "c", "C")
    await s.command("seek 2")
    for key in PANE_KEYS:
        await s.press(key, "v", "end", "enter")
        assert_clean(s)
    await s.command("info trace")
    await s.press("y", "W", "t", "T", "at")
    assert_clean(s)


def assert_clean(s: Session) -> None:
    """No piece of the screen, and no row beside it, can be more than text to a terminal."""
    s.draw()
    for strip in s.app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.control is None
            assert segment.text.isprintable(), repr(segment.text)
            assert A_BUG not in segment.text
    assert all(text.isprintable() for text in s.said)
    assert not any(A_BUG in text for text in s.said), s.said


# ---- terminals


def test_the_terminal_may_have_any_size(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        for size in ((80, 24), (40, 10), (10, 3), (1, 1), (300, 8)):
            await s.resize(*size)
            assert [len(line) for line in s.screen()] == [size[0]] * size[1]
            await s.press("i", "6", "tab")
        await s.resize(*LARGE)
        assert s.seen() == ["events", "code", "registers", "stack", "memory"]
        assert s.moment.steps > 0
        assert_clean(s)

    drive(everything.path, script, size=LARGE, drawn=True)


def test_small_terminals_can_be_used(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        assert any("▶ 10" in line for line in s.screen())
        assert s.screen()[-1].strip().startswith("event 13/29") or "event 13/29" in s.screen()[-2]
        await s.press("3")
        assert any("rax" in line for line in s.screen())
        await s.press("colon")
        await s.type("stepi 2")
        assert any(":stepi 2" in line for line in s.screen())
        await s.press("enter")
        assert s.moment.steps > 10_000

    drive(everything.path, script, size=(40, 10), drawn=True)


# ---- guests


@pytest.mark.parametrize("how", ["--strip-debug", "--strip-all"])
def test_guests_that_tell_less(everything: Journey, tmp_path: Path, how: str) -> None:
    path = record_guest(tmp_path / "less.mp", stripped(everything.guest, tmp_path, how=how))

    async def script(s: Session) -> None:
        await s.command(f"until *{everything['tick']:#x}")
        assert s.position == everything.at("tick")[0]
        assert "inc" in s.text("code") or "mov" in s.text("code")
        await s.press("n", "s", "N", "S", "f", "F")
        await s.press("at")
        if how == "--strip-all":
            assert "has no symbols" in s.said[-1]
        await s.press("escape")
        await look_at_everything(s)

    drive(path, script)


def test_a_guest_of_the_other_target(recordings: Recordings) -> None:
    async def script(s: Session) -> None:
        assert "(spt)" in s.header
        await s.command("until solo5_app_main")
        assert "solo5_app_main" in s.pane("code").subtitle
        await look_at_everything(s)

    drive(recordings.trace("flaky", "corrupt", "spt"), script)


def test_nothing_of_a_guest_is_more_than_text(tmp_path: Path) -> None:
    path = printer(tmp_path)

    async def script(s: Session) -> None:
        assert_clean(s)
        await s.command("until solo5_app_main")
        assert "\\x1b[2J" in s.text("code")
        await s.press("n", "n")
        assert "\\x1b[2J" in s.text("console")
        assert "[bold]markup[/]" in s.text("console")
        await s.command("x &solo5_app_main")
        await s.press("at")
        await s.type("in")
        await s.settle()
        assert any("in\\x1b[2Jnt" in line for line in s.screen())
        assert_clean(s)
        await s.press("escape")
        await s.command(f"search {ESCAPES}")
        await s.command(f"print {ESCAPES}")
        await s.command(f"bookmark {ESCAPES}")
        await s.command(f"note {ESCAPES}")
        await s.command(f"break {ESCAPES}")
        await s.command(f"screenshot {tmp_path}/{ESCAPES}/x")
        await look_at_everything(s)
        assert not set(ESCAPES[:1] + "\x07\x9b") & set(s.app.picture())

    drive(path, script, size=MIDDLE)


def test_a_header_of_anybody(everything: Journey, tmp_path: Path) -> None:
    path = with_header(
        everything.path,
        tmp_path / f"{ESCAPES.replace('/', '')}.mp",
        name=ESCAPES,
        device=ESCAPES[:60],
        command_line=ESCAPES.encode() * 5,
    )

    async def script(s: Session) -> None:
        assert "\\x1b" in s.header
        await look_at_everything(s)

    drive(path, script, size=WIDE)


# ---- recordings


def test_a_recorder_that_was_killed(everything: Journey, tmp_path: Path) -> None:
    path = without_end(everything.path, tmp_path / "broken.mp")

    async def script(s: Session) -> None:
        assert "incomplete" in s.header
        await s.press("greater_than_sign")
        assert s.position == s.moment.end
        await look_at_everything(s)

    drive(path, script)


def test_a_damaged_end(everything: Journey, tmp_path: Path) -> None:
    path = with_damaged_tail(everything.path, tmp_path / "broken.mp")

    async def script(s: Session) -> None:
        await s.command("until tick")
        await s.command("end")
        assert "damaged" in s.status
        assert s.position < s.moment.end
        await s.press("less_than_sign")
        assert s.position == Position(0)
        assert "ReadTsc" in s.rows("events")[0]
        assert "damaged" in s.rows("events")[-1]
        await look_at_everything(s)

    drive(path, script)


def test_an_empty_recording(everything: Journey, tmp_path: Path) -> None:
    path = without_events(everything.path, tmp_path / "empty.mp")

    async def script(s: Session) -> None:
        assert s.position == Position(0)
        await s.press("i")
        await look_at_everything(s)
        await s.click(s.scrubber, 10, 0)

    drive(path, script)


def test_a_guest_that_is_not_in_the_recording(everything: Journey, tmp_path: Path) -> None:
    path = record_guest(tmp_path / "without.mp", everything.guest, embed=False)

    async def script(s: Session) -> None:
        assert s.app.moment is None
        assert "--guest" in s.status
        assert "WallClock" in s.text("events")
        for key in (
            *PANE_KEYS,
            "n",
            "c",
            "C",
            "y",
            "W",
            "b",
            "w",
            "m",
            "at",
            "right_square_bracket",
        ):
            await s.press(key, "escape")
        await s.command("filter call:clock")
        assert len(s.rows("events")) == 3
        await s.press("enter", "f1", "escape")
        await s.command("seek 5")
        await s.command("info program")
        await s.command("note x")
        await s.command("checkpoint")
        assert_clean(s)

    drive(path, script)

    async def given(s: Session) -> None:
        await s.command("until tick")
        assert s.position == everything.at("tick")[0]

    drive(path, given, changes=Changes(guest=everything.guest), survey=False)


def test_a_replay_that_does_something_else(recordings: Recordings) -> None:
    path = recordings.trace("flaky", "corrupt")

    async def script(s: Session) -> None:
        await s.press("greater_than_sign")
        assert "✗" in s.status
        diverges = s.moment.trouble
        assert diverges is not None
        assert diverges.event is not None
        assert diverges.text.splitlines()[0] in " ".join(s.output)
        await s.press("1")
        assert "went another way" in s.rows("events")[diverges.event]
        here = s.position
        await s.press("I")
        assert s.position < here
        await s.press("less_than_sign")
        assert s.position == Position(0)
        assert "✗" not in s.status
        assert any("✗" in line for line in s.screen()[1:5])
        await s.command("seek 3")
        assert s.position == Position(3)
        await s.press("c")
        assert "✗" in s.status
        assert_clean(s)

    drive(path, script, changes=Changes(command_line=b"1", calls_only=True), size=WIDE)


# ---- files beside a recording


@pytest.mark.parametrize("content", [b"\xff\x00", b"[]", b"{" * 5000, ESCAPES.encode(), b""])
def test_notes_that_are_none(private: Journey, content: bytes) -> None:
    notes = private.path.with_name(private.path.name + ".notes.json")
    notes.write_bytes(content)

    async def script(s: Session) -> None:
        await s.press("0")
        assert notes.name in s.text("notes")
        await s.command("note hello")
        assert_clean(s)

    drive(private.path, script, size=NARROW)
    assert notes.read_bytes() == content


def test_the_application_ends_in_one_piece(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.begin("c")

    assert isinstance(drive(everything.path, script), ReplayApp)
