"""The story of docs/gdb.md: what it types is typed, and what it shows is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.gdbstub.server import Server
from tests.gdb.driver import NotingTarget, gdb

DOCUMENT = Path(__file__).parents[2] / "docs" / "gdb.md"
_BLOCK = re.compile(r"^```gdb-session\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_PROMPT = "(gdb) "


def story() -> Iterator[tuple[str, list[str]]]:
    """Every command with the lines that the document shows for it."""
    command, lines = "", list[str]()
    for line in "".join(_BLOCK.findall(DOCUMENT.read_text())).splitlines():
        if line.startswith(_PROMPT):
            if command:
                yield command, lines
            command, lines = line.removeprefix(_PROMPT), []
        else:
            lines.append(line)
    yield command, lines


def without_addresses(line: str) -> str:
    """A line as any compiler's guest would show it."""
    return _ADDRESS.sub("0x…", line)


@pytest.mark.slow
def test_the_story_is_true(serve: Callable[..., tuple[NotingTarget, Server]]) -> None:
    _, server = serve("flaky", "corrupt")
    told = list(story())
    assert len(told) > 10
    shown = gdb(server, ["seek end", *(command for command, _ in told)])[1:]
    for (command, lines), output in zip(told, shown, strict=True):
        found = [without_addresses(line) for line in output.splitlines()]
        for line in lines:
            assert without_addresses(line) in found, f"after {command!r}"


def test_every_command_of_ours_is_in_the_document() -> None:
    from replay.gdbstub import gdb_commands_file

    text = DOCUMENT.read_text()
    names = re.findall(r'^        "([a-z ]+)": \(', gdb_commands_file().read_text(), re.MULTILINE)
    assert len(names) > 8
    for name in names:
        assert f"`{name}" in text, name
