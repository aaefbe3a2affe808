"""The calls that lead here, by the command that people know from gdb."""

from __future__ import annotations

from tests.tui.driver import Session, covers, drive
from tests.unit.replay.player.travelled import Journey


@covers("backtrace")
def test_the_backtrace_is_a_pane(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("until tick")
        for command in ("bt", "where", "backtrace"):
            await s.press("5")
            await s.command(command)
            assert s.used == "stack"
            assert "tick" in s.text("stack")

    drive(everything.path, script)
