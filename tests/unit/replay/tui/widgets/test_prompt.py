"""The line in which one types."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import AppBlur, AppFocus
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from replay.tui.widgets.prompt import Prompt
from replay.tui.widgets.rows_view import RowsView
from tests.unit.replay.tui.widgets.showing import Script, Showing, drawn, show

WORDS = ("step", "stepi", "start", "seek")


def complete(prefix: str, text: str) -> Sequence[str]:
    return [word for word in WORDS if word.startswith(text)] if prefix == ":" else ()


def typed(prompt: Prompt) -> str:
    return prompt.query_one(Input).value


class Prompted(Showing):
    """Where there is a list as well, which has the focus whenever nobody types."""

    def __init__(self, prompt: Prompt) -> None:
        self.list = RowsView()
        super().__init__(self.list, prompt)

    def on_prompt_closed(self, _: Message) -> None:
        self.list.focus()


def driving(prompt: Prompt, script: Script) -> list[Message]:
    return show(Prompted(prompt), script)


async def enter(pilot: Pilot[None], prompt: Prompt, prefix: str, text: str) -> None:
    prompt.open(prefix, text)
    await drawn(pilot)
    await pilot.press("enter")
    await drawn(pilot)


def entered(told: Sequence[Message]) -> list[tuple[str, str]]:
    return [(each.prefix, each.text) for each in told if isinstance(each, Prompt.Entered)]


def test_a_line_is_typed_and_entered() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        assert not prompt.display
        prompt.open(":", "go ")
        await drawn(pilot)
        await pilot.press("4", "2", "enter")
        await drawn(pilot)
        assert not prompt.display

    told = driving(prompt, script)
    assert entered(told) == [(":", "go 42")]
    assert [type(each) for each in told].count(Prompt.Closed) == 1


def test_escape_and_the_focus_elsewhere_close_it() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        for _ in range(2):
            prompt.open(":", "something")
            await drawn(pilot)
            await pilot.press("escape")
            await drawn(pilot)
            assert not prompt.display
        prompt.open(":")
        await drawn(pilot)
        pilot.app.query_one(RowsView).focus()
        await drawn(pilot)
        assert not prompt.display

    told = driving(prompt, script)
    assert entered(told) == []


def test_it_stays_while_another_window_has_the_focus() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        prompt.open(":", "x ")
        await drawn(pilot)
        pilot.app.post_message(AppBlur())
        await drawn(pilot)
        pilot.app.post_message(AppFocus())
        await drawn(pilot)
        await pilot.press("1", "enter")

    assert entered(driving(prompt, script)) == [(":", "x 1")]


def test_each_prefix_has_its_history() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        for text in ("one", "two", "two", ""):
            await enter(pilot, prompt, ":", text)
        await enter(pilot, prompt, "/", "three")
        prompt.open(":")
        await drawn(pilot)
        recalled = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            recalled.append(typed(prompt))
        assert recalled == ["two", "one", "one", "two", "", ""]

    driving(prompt, script)


def test_tab_goes_as_far_as_it_is_certain_and_then_round() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        prompt.open(":", "ste")
        await drawn(pilot)
        seen = []
        for _ in range(4):
            await pilot.press("tab")
            seen.append(typed(prompt))
        assert seen == ["step", "stepi", "step", "stepi"]
        prompt.open(":", "x")
        await drawn(pilot)
        await pilot.press("tab")
        assert typed(prompt) == "x"
        prompt.open("/", "ste")
        await drawn(pilot)
        await pilot.press("tab")
        assert typed(prompt) == "ste"

    driving(prompt, script)


def test_what_was_typed_before_is_suggested_behind_what_there_is() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        for text in ("seek 5", "step 3", "seek 7"):
            await enter(pilot, prompt, ":", text)
        prompt.open(":")
        assert prompt.completions("") == ["seek 7", "step 3", "seek 5"]
        assert prompt.completions("se") == ["seek", "seek 7", "seek 5"]
        assert prompt.completions("seek ") == ["seek 7", "seek 5"]

    driving(prompt, script)


def test_a_filter_is_typed_over_and_a_command_is_gone_on_with() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        for prefix, before, after in (("&", "net", "x"), (":", "seek ", "seek x")):
            prompt.open(prefix, before)
            await drawn(pilot)
            assert typed(prompt) == before
            await pilot.press("x")
            assert typed(prompt) == after

    driving(prompt, script)


def test_markup_is_none() -> None:
    prompt = Prompt(complete)

    async def script(pilot: Pilot[None]) -> None:
        prompt.open("[b]", "[red]x[/red]")
        await drawn(pilot)
        line = "".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        assert "[b][red]x[/red]" in line

    driving(prompt, script)
