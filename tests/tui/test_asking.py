"""Where values come from, what they are, and what is around."""

from __future__ import annotations

from replay.machine.position import Position
from tests.tui.driver import WIDE, Session, covers, drive
from tests.unit.replay.player.travelled import SECRET, Journey


@covers("why")
def test_why(everything: Journey) -> None:
    net_frame = everything.box + 768

    async def script(s: Session) -> None:
        await s.command("end")
        await s.command(f"why u64[{net_frame:#x}]")
        assert s.used == "why"
        assert "net_read #24" in s.text("why")
        await s.command("why $rax")
        assert "$rax" in s.text("why")
        await s.press("3")
        s.put_cursor("registers", "rsp")
        await s.press("y")
        assert s.used == "why"
        assert "rsp" in s.text("why")
        await s.command(f"x {net_frame:#x}")
        await s.press("y")
        assert "net_read #24" in s.text("why")
        s.put_cursor("why", "net_read #24")
        await s.press("enter")  # a row leads to where it happened
        assert s.position.event == 24
        await s.press("2", "y")
        assert "no value is under the cursor" in s.said[-1]
        await s.command("why box")
        assert "bytes: a value has from" in s.said[-1]
        await s.command("why nope")
        assert "there is no variable 'nope'" in s.said[-1]

    drive(everything.path, script)


@covers("last")
def test_the_last_write(everything: Journey) -> None:
    counter = everything.changes(0, 8)

    async def script(s: Session) -> None:
        await s.command("end")
        await s.command(f"last u64[{everything.box:#x}]")
        assert s.position == counter[-1][0]
        await s.command("x &box")
        await s.press("W")
        assert s.position == counter[-2][0]
        await s.command("end")
        await s.press("4", "v")
        s.pane("stack").move_cursor(0)
        await s.press("W")
        assert s.position < s.moment.end
        await s.command("end")
        await s.press("3")
        s.put_cursor("registers", "rax")
        await s.press("enter")  # as by W
        written = s.position
        await s.command("end")
        await s.press("W")
        assert s.position == written < s.moment.end
        await s.command("last-write secret")
        assert s.said[-1].startswith("nobody wrote to the 8 bytes")
        assert s.position == written

    drive(everything.path, script)


@covers("print", "x")
def test_values_and_memory(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("print secret")
        assert s.said[-1] == f"secret = {SECRET}  {SECRET:#x}"
        await s.command("p/x secret + 1")
        assert s.output[-1] == f"secret + 1 = {SECRET + 1:#x}"
        await s.command("print /c 65")
        assert s.output[-1] == "65 = 65 'A'"
        await s.command("print")
        assert "wants an expression" in s.said[-1]
        await s.command("print/q 1")
        assert "there is no format 'q'" in s.said[-1]
        await s.command("x &secret")
        assert s.used == "memory"
        assert "88" in s.row("memory")
        assert "77 66 55 44 33 22 11" in s.row("memory")
        await s.command("x/8xb $rsp")
        assert s.pane("memory").subtitle.startswith("0xffff")
        await s.command("x 0xffffffffffffffff")
        await s.command("x 1 / 0")
        assert len(s.said) >= 6
        await s.command("x")
        assert "wants an address" in s.said[-1]

    drive(everything.path, script)


@covers("frame", "up", "down", "list")
def test_frames_and_code(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        innermost = s.text("registers")
        await s.press("ctrl+up")
        assert "solo5_app_main" in s.pane("code").subtitle
        assert "solo5_app_main" in s.row_with("stack", "▷")
        assert s.pane("registers").subtitle == "of frame 1"
        outer = s.text("registers")
        assert outer != innermost
        await s.press("ctrl+up")
        await s.command("up")
        assert "_start" in s.row_with("stack", "▷")
        await s.command("up")
        assert "there is no frame 4" in s.said[-1]
        await s.command("down 2")
        assert s.text("registers") == outer
        await s.press("ctrl+down")
        assert "tick" in s.pane("code").subtitle
        assert s.text("registers") == innermost
        assert s.pane("registers").subtitle == ""
        await s.command("f 2")
        assert "hvt_start" in s.pane("code").subtitle
        await s.command("frame")
        await s.command("frame x")
        assert "not a frame's number" in s.said[-1]
        await s.command("list copy")
        assert s.used == "code"
        assert "copy" in s.pane("code").subtitle
        await s.command("list nope")
        assert "no such function" in s.said[-1]
        await s.command("list")
        assert "tick" in s.pane("code").subtitle
        await s.command("frame 1")
        await s.press("i")  # whoever moves looks at the innermost frame again
        assert s.pane("registers").subtitle == ""
        assert s.pane("code").subtitle.split(" · ")[1].startswith("tick")

    drive(everything.path, script, size=WIDE)


@covers("info")
def test_info(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        for text, pane in (
            ("b", "watches"),
            ("r", "registers"),
            ("s", "stack"),
            ("wat", "watches"),
        ):
            await s.command(f"info {text}")
            assert s.used == pane
        for text, answer in (
            ("line", "at 0x"),
            ("trace", "29 events"),
            ("program", "of 29"),
            ("bookmarks", "no bookmarks"),
            ("notes", "no notes"),
            ("checkpoints", "kept by the replay itself"),
        ):
            await s.command(f"info {text}")
            assert any(answer in line for line in s.output[-6:]), text
        await s.command("info trace")
        assert s.used == "output"
        await s.command("info")
        await s.command("i nonsense")
        assert s.said[-1].startswith("info tells about line, breakpoints")
        assert s.position == everything.at("tick")[0] != Position(0)

    drive(everything.path, script)
