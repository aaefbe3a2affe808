"""The command line, the palette, screens that lie over the panes, and the session itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.tui.screens.help import HelpScreen
from replay.tui.screens.symbols import SymbolScreen
from replay.tui.verbs import all_verbs
from replay.tui.widgets.prompt import _common_beginning
from tests.tui.driver import NARROW, WIDE, Session, covers, drive
from tests.unit.replay.player.travelled import Journey


@covers("command")
def test_the_command_line(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("5", "colon")
        assert s.prompt.display
        await s.type("stepi 3")
        assert s.screen()[-1].startswith(":stepi 3")
        await s.press("enter")
        assert s.moment.steps == 3
        assert not s.prompt.display
        assert s.app.focused is s.pane("console")
        await s.press("colon")
        await s.type("stepi 4")
        await s.press("escape")
        assert not s.prompt.display
        assert s.moment.steps == 3
        await s.press("colon", "up")
        assert s.typed == "stepi 3"
        await s.press("enter")
        assert s.moment.steps == 6
        await s.command("stepi")
        await s.press("colon", "up", "up")
        assert s.typed == "stepi 3"
        await s.press("down", "down", "down")
        assert s.typed == ""
        await s.press("enter")  # nothing is no command
        assert s.moment.steps == 7
        await s.command("command")
        assert s.prompt.display
        await s.press("escape", "slash", "up")
        assert s.typed == ""  # what was looked for is remembered apart
        await s.press("escape")
        for wrong, message in (
            ("frobnicate", "there is no command 'frobnicate'"),
            ("re", "re: is it"),
            ("step x", "'x' is not a number of times"),
            ("step -1", "'-1' is not a number of times"),
        ):
            await s.command(wrong)
            assert s.said[-1].startswith(message)
            assert s.output[-2:] == [f":{wrong}", s.said[-1]]

    drive(everything.path, script)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("scr", "screenshot"),
        ("rev", "reverse-"),
        ("break cop", "break copy"),
        ("print sec", "print secret"),
        ("print 1 + sec", "print 1 + secret"),
        ("why $ra", "why $rax"),
        ("until call:net", "until call:net"),
        ("until write:sec", "until write:secret"),
        ("theme nor", "theme nord"),
        ("focus mem", "focus memory"),
        ("seek he", "seek here"),
        ("restart c", "restart c1"),
        ("info tr", "info trace"),
        ("help scr", "help screenshot"),
        ("filter storage call:BlockR", "filter storage call:BlockRead"),
        ("nonsense x", "nonsense x"),
        ("", ""),
    ],
)
def test_completion(completing: Session, typed: str, completed: str) -> None:
    found = completing.app._completions(":", typed)
    assert all(line.startswith(typed) for line in found)
    assert (_common_beginning(found) if found else typed) == completed


@pytest.fixture(scope="module")
def completing(everything: Journey, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A session that has been, with a bookmark and a checkpoint."""
    path = tmp_path_factory.mktemp("completing") / "everything.mp"
    path.write_bytes(everything.path.read_bytes())
    kept: list[Session] = []

    async def script(s: Session) -> None:
        await s.command("bookmark here")
        await s.command("checkpoint")
        await s.press("colon")
        await s.type("scr")
        await s.press("tab")
        assert s.typed == "screenshot"
        await s.press("escape", "colon")
        await s.type("reverse-n")
        await s.press("tab")
        assert s.typed == "reverse-next"
        await s.press("tab")
        assert s.typed == "reverse-nexti"
        await s.press("tab")
        assert s.typed == "reverse-next"
        await s.press(*["backspace"] * 20)
        await s.type("break cop")
        await s.press("tab")
        assert s.typed == "break copy"
        await s.press("enter")
        assert "copy" in s.text("watches")
        await s.press("slash")
        await s.type("x")
        await s.press("tab")
        assert s.typed == "x"
        kept.append(s)

    drive(path, script)
    return kept[0]


@covers("help")
def test_help(everything: Journey) -> None:
    async def script(s: Session) -> None:
        for key in ("f1", "question_mark"):
            await s.press(key)
            assert isinstance(s.app.screen, HelpScreen)
            await s.press("pagedown", "end", "home")
            await s.press("escape")
            assert not isinstance(s.app.screen, HelpScreen)
        await s.command("help")
        text = "\n".join(s.screen())
        assert "step" in text
        assert "[N]" in text
        s.app._tick()  # what goes on behind it goes on
        await s.press("q")
        assert not isinstance(s.app.screen, HelpScreen)
        await s.command("help step")
        assert s.said[-1].startswith("step [N]: to the next source line (key s or F11)")
        await s.command("help nonsense")
        assert "no command" in s.said[-1]
        assert s.position == Position(0)

    for size in (NARROW, (40, 10)):
        drive(everything.path, script, size=size)


@covers("symbol")
def test_symbols(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("at")
        assert isinstance(s.app.screen, SymbolScreen)
        await s.type("solo5_app")
        await s.settle()
        assert any("solo5_app_main" in line for line in s.screen())
        await s.press("enter")
        assert s.used == "code"
        assert "solo5_app_main" in s.pane("code").subtitle
        await s.command("symbol secret")
        await s.press("down", "up", "enter")
        assert s.used == "memory"
        assert "secret" in s.pane("memory").subtitle
        await s.command("symbol nothing_is_called_so")
        await s.press("enter")
        assert not isinstance(s.app.screen, SymbolScreen)
        await s.command("symbol tick")
        await s.press("escape")
        assert s.used == "memory"

    drive(everything.path, script)


def test_the_palette_has_every_verb(everything: Journey) -> None:
    async def script(s: Session) -> None:
        titles = {each.title for each in s.app.get_system_commands(s.app.screen)}
        assert titles == {verb.command for verb in all_verbs()}
        await s.press("ctrl+p")
        await s.type("stepi")
        await s.settle()
        await s.press("escape", "escape")
        for each in s.app.get_system_commands(s.app.screen):
            if each.title in ("stepi", "until"):
                each.callback()
                await s.settle()
        assert s.moment.steps == 1
        assert s.typed == "until "

    drive(everything.path, script)


@covers("theme", "source", "screenshot", "follow")
def test_colours_sources_and_pictures(private: Journey, tmp_path: Path) -> None:
    sources = tmp_path / "elsewhere"
    sources.mkdir()
    (private.path.parent / "main.c").rename(sources / "main.c")

    async def script(s: Session) -> None:
        await s.command("theme nord")
        assert s.app.theme == "nord"
        await s.command("theme nonsense")
        assert "there is no theme 'nonsense'" in s.said[-1]
        await s.command("theme")
        assert "textual-light" in s.output[-1]
        await s.command("until tick")
        assert "not found" in s.text("code")
        await s.command(f"source {sources}")
        assert "box.counter + 1" in s.text("code")
        await s.command("source /nowhere")
        assert "wants a folder" in s.said[-1]
        await s.command("source")
        await s.press("P")
        picture = private.path.with_name("everything.mp.1.svg")
        assert "<svg" in picture.read_text()
        await s.press("P")
        assert private.path.with_name("everything.mp.2.svg").exists()
        await s.command(f"screenshot {picture}")
        assert "nothing is overwritten" in s.said[-1]
        await s.command(f"screenshot {tmp_path}/nowhere/at/all.svg")
        assert "No such file" in s.said[-1]
        await s.press("space")
        assert "nothing to follow" in s.said[-1]
        await s.command("follow")

    drive(private.path, script)


@covers("cancel")
def test_cancel_without_anything_under_way(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.press("escape", "z", "escape")
        assert not s.app.layout_of_panes.wishes.zoomed
        await s.press("ctrl+c")
        assert "nothing is under way" in s.said[-1]
        await s.command("cancel")
        assert s.app.is_running

    drive(everything.path, script)


@covers("quit")
def test_quit(everything: Journey) -> None:
    async def by_key(s: Session) -> None:
        await s.press("q")

    async def by_command(s: Session) -> None:
        await s.command("quit")

    drive(everything.path, by_command)
    assert drive(everything.path, by_key, size=WIDE).return_code == 0


def test_a_mistake_of_ours_is_told_and_ends_nothing(everything: Journey) -> None:
    async def fail(_: str) -> None:
        raise KeyError("of ours")

    async def script(s: Session) -> None:
        s.app._handlers = {**s.app._handlers, "step": fail}
        await s.press("s")
        assert s.said[-1] == "this is a bug of solo5-replay: KeyError: 'of ours'"
        assert any("Traceback" in line for line in s.output)
        await s.press("n")
        assert s.moment.steps == 1

    drive(everything.path, script)
