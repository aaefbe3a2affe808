"""Whatever is typed or pressed on the screen of a recording is answered, and it goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.tui.explorer import A_BUG
from replay.tui.verbs import all_verbs
from tests.tui.driver import NARROW, Session, make_app, running
from tests.unit.replay.player.travelled import make_journey
from traces.reader import open_trace

LINES_AT_A_TIME = 25
LEAVING = {"quit", "screenshot", "source"}
COMMANDS = sorted(verb.command for verb in all_verbs() if verb.command not in LEAVING)
KEYS = sorted(
    {
        key
        for verb in all_verbs()
        for key in verb.keys.split(",")
        if key and verb.command not in LEAVING
    }
    | set("1234567890Yojk")
    | {"tab", "shift+tab", "enter", "home", "end", "pageup", "pagedown", "left", "right"}
)
WORDS = st.sampled_from(
    [
        "secret",
        "&secret",
        "$rsp",
        "tick",
        "main.c:50",
        "call:net_read",
        "write:secret",
        "if",
        "10",
        "10+5",
        "-1",
        "0x7fffffffffffffff",
        "u64[&box]",
        "/x",
        "1",
        "99999999999999999999",
        "*",
        "end",
    ]
)
ARGUMENTS = st.lists(WORDS, max_size=3).map(" ".join)
LINES = st.one_of(
    st.text(max_size=40),
    st.builds("{} {}".format, st.sampled_from(COMMANDS), st.text(max_size=20)),
    st.builds("{} {}".format, st.sampled_from(COMMANDS), ARGUMENTS),
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest with one of everything."""
    return make_journey(tmp_path_factory.mktemp("fuzzed")).path


def leaves(line: str) -> bool:
    """Whether a line might end the session or write a file."""
    word = line.strip().partition(" ")[0].partition("/")[0]
    names = {
        name
        for verb in all_verbs()
        if verb.command in LEAVING
        for name in (verb.command, *verb.short)
    }
    return bool(word) and any(name.startswith(word) for name in names)


async def survive(path: Path, steps: list[tuple[str, str]]) -> None:
    """Each step is a line or a key."""
    with open_trace(path) as trace:
        async with running(make_app(trace, survey=False), NARROW) as s:
            await s.settle()
            s.stop_drawing()
            for kind, text in steps:
                if kind == "key":
                    await s.press(text)
                elif not leaves(text):
                    await s.command(text)
                assert_well(s, text)
            s.screen()
            await s.press("escape", "escape", "escape")
            await s.command("start")


def assert_well(s: Session, text: str) -> None:
    """It is alive, and nothing that it said was a mistake of its own."""
    assert s.app.is_running
    assert not any(A_BUG in said for said in s.said), (text, s.output[-30:])
    assert all(said.isprintable() for said in s.said)


STEPS = st.lists(
    st.one_of(st.tuples(st.just("line"), LINES), st.tuples(st.just("key"), st.sampled_from(KEYS))),
    min_size=LINES_AT_A_TIME,
    max_size=LINES_AT_A_TIME,
)


@pytest.mark.slow
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_whatever_is_typed(recording: Path, steps: list[tuple[str, str]]) -> None:
    asyncio.run(survive(recording, steps))
