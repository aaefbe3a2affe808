"""Every way through the run, by its key and by its command."""

from __future__ import annotations

from replay.machine.position import Position
from tests.tui.driver import Session, covers, drive
from tests.unit.replay.player.travelled import SOURCE, Journey

WALL_CLOCKS = (13, 14, 15)


def line_of(text: str) -> int:
    """The line of the guest's source that ``text`` is in."""
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


def code_line(s: Session) -> str:
    """``main.c:53`` where the code pane stands."""
    return s.pane("code").subtitle.split(" · ")[0]


@covers("step", "reverse-step", "next", "reverse-next")
def test_lines(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command(f"until main.c:{line_of('copy();')}")
        begun = s.position
        await s.press("n")
        assert code_line(s) == f"main.c:{line_of('unaligned();')}"
        await s.press("N")
        assert s.position == begun
        await s.press("s")
        assert "copy" in s.pane("code").subtitle
        await s.press("S")
        assert s.position == begun
        await s.command("next 3")
        assert code_line(s) == f"main.c:{line_of('disk(disk_handle, ')}"
        await s.command("rn 3")
        assert s.position == begun
        await s.command("s")
        assert "copy" in s.pane("code").subtitle
        await s.command("reverse-step")
        assert s.position == begun

    drive(everything.path, script)


@covers("finish", "reverse-finish", "stepi", "reverse-stepi", "nexti", "reverse-nexti")
def test_functions_and_instructions(everything: Journey) -> None:
    tick = everything.at("tick")[0]

    async def script(s: Session) -> None:
        await s.command("until tick")
        assert s.position == tick
        await s.press("f")
        behind = s.position
        assert "solo5_app_main" in s.pane("code").subtitle
        await s.press("I")
        await s.press("F")
        assert s.position < tick
        call = s.position
        await s.press("i")
        assert s.position == tick
        await s.press("I")
        assert s.position == call
        await s.command("ni")
        assert s.position == behind
        await s.command("reverse-nexti")
        assert s.position == call
        await s.command("si 2")
        assert s.moment.steps == steps_at(everything, call) + 2
        await s.command("rsi")
        assert s.position == tick
        await s.command("finish")
        assert s.position == behind
        await s.command("seek " + str(tick))
        await s.command("reverse-finish")
        assert s.position == call

    drive(everything.path, script)


def steps_at(everything: Journey, position: Position) -> int:
    """How many steps from the start a position is."""
    return next(each.steps for each in everything.moments if each.position == position)


@covers("continue", "reverse-continue", "start", "end", "until", "back-to")
def test_far_ways(everything: Journey) -> None:
    ticks, copies = everything.at("tick"), everything.at("copy")

    async def script(s: Session) -> None:
        await s.command("break copy")
        await s.press("c")
        assert s.position == copies[0]
        assert s.status.endswith("breakpoint 1, copy")
        await s.press("c")
        assert s.position == s.moment.end
        assert s.status.endswith("the guest exited with status 7")
        await s.press("f5", "shift+f5")
        assert s.position == copies[0]
        await s.command("rc")
        assert s.position == Position(0)
        assert s.status.endswith("the start of the run")
        await s.command("c")
        assert s.position == copies[0]
        await s.press("greater_than_sign")
        assert s.position == s.moment.end
        await s.press("less_than_sign")
        assert s.position == Position(0)
        await s.command("end")
        assert s.position == s.moment.end
        await s.command("back-to tick")
        assert s.position == ticks[-1]
        assert s.status.endswith("· tick")
        await s.command("run")
        assert s.position == Position(0)
        await s.command("until call:net_read")
        assert s.status.endswith("call:net_read")
        here = s.position
        await s.command("until write:secret")
        assert s.position == here
        assert "✗ write:secret does not occur behind" in s.status
        assert any("does not occur" in line for line in s.output)
        await s.command("until")
        assert "wants a goal" in s.said[-1]

    drive(everything.path, script)


@covers("seek", "back", "forward")
def test_places_and_the_way_back(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("g")
        assert s.typed == "seek "
        await s.type("13")
        await s.press("enter")
        assert s.position == Position(13)
        await s.command("seek 10+5")
        await s.command("goto end")
        await s.press("u")
        assert s.position == Position(10, 5)
        await s.command("back")
        assert s.position == Position(13)
        await s.press("alt+left")
        assert s.position == Position(0)
        await s.press("u")
        assert "no earlier place" in s.said[-1]
        await s.press("U")
        assert s.position == Position(13)
        await s.command("forward")
        assert s.position == Position(10, 5)
        await s.press("alt+right", "U")
        assert s.position == s.moment.end
        assert "no later place" in s.said[-1]
        await s.command("seek 99")
        assert "beyond the end" in s.status
        assert s.position == s.moment.end
        await s.command("seek nonsense")
        assert "not a position" in s.said[-1]
        await s.press("u")  # a journey that was not made is none to go back over
        assert s.position == Position(10, 5)

    drive(everything.path, script)


@covers("next-event", "previous-event")
def test_events_of_a_kind(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("next-event wall_clock")
        assert s.position.event == WALL_CLOCKS[0]
        await s.press("right_square_bracket")
        assert s.position.event == WALL_CLOCKS[1]
        await s.press("left_square_bracket", "left_square_bracket")
        assert s.position.event == WALL_CLOCKS[0] - 1
        await s.command("prev-event console")
        assert s.position.event == 11
        await s.command("next-event block")
        first = s.position.event
        await s.press("8", "right_square_bracket")  # of those in the pane of blocks
        assert s.position.event == first + 1
        await s.press("5", "right_square_bracket")
        assert "ConsoleWrite" in s.rows("events")[s.position.event]
        await s.press("7", "left_square_bracket")
        assert "NetRead" in s.rows("events")[s.position.event]
        await s.press("left_square_bracket")
        assert "another such event does not occur before" in s.said[-1]
        await s.command("filter call:wall_clock")
        await s.press("left_square_bracket")
        assert s.position.event == WALL_CLOCKS[-1]
        await s.command("next-event nonsense")
        assert "families" in s.said[-1]

    drive(everything.path, script)


@covers("next-mark", "previous-mark", "next-checkpoint", "previous-checkpoint")
def test_marks(private: Journey) -> None:
    async def script(s: Session) -> None:
        for place, mark in ((5, "bookmark five"), (10, "note ten"), (20, "checkpoint")):
            await s.command(f"seek {place}")
            await s.command(mark)
        await s.press("less_than_sign", "right_curly_bracket")
        assert s.position == Position(5)
        await s.command("next-mark")
        assert s.position == Position(10)
        await s.command("next-mark")
        assert "no bookmark or note behind 10" in s.said[-1]
        await s.press("left_curly_bracket")
        assert s.position == Position(5)
        await s.press("right_curly_bracket")
        await s.command("prev-mark")
        assert s.position == Position(5)
        await s.press("right_parenthesis")
        assert s.position == Position(20)
        await s.press("left_parenthesis")
        assert s.position < Position(20)
        await s.command("next-checkpoint")
        assert s.position == Position(20)
        await s.command("previous-checkpoint")
        assert s.position < Position(20)

    drive(private.path, script)


def test_keys_that_are_pressed_fast_are_not_lost(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.begin("i", "i")
        await s.settle()
        assert s.moment.steps == 2

    drive(everything.path, script)
