"""Places kept for now, and places and notes kept for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_marks import Marks
from replay.machine.position import Position
from replay.player.errors import BadPlace
from replay.player.notebook import notebook_path
from replay.player.places import Places

Do = Callable[..., str]


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the notes of the recording lie, for once not beside it."""
    path = tmp_path / "hello.mp"
    monkeypatch.setattr("replay.gdbstub.monitor_marks.Path", lambda _: path)
    return notebook_path(path)


@pytest.fixture
def places(journey: Journey) -> Places:
    return Places(journey.timeline.start, journey.timeline.end)


def doing(journey: Journey, places: Places) -> Do:
    commands = {each.name: each for each in Marks(journey, places).commands()}
    return lambda name, *words: commands[name].action(list(words))


@pytest.fixture
def do(journey: Journey, places: Places, notebook: Path) -> Do:
    return doing(journey, places)


def test_checkpoints(do: Do, journey: Journey, places: Places) -> None:
    assert do("info checkpoints") == "no checkpoints"
    journey.seek(Position(5, 10))
    assert do("checkpoint") == "checkpoint 1 at 5+10"
    journey.seek(Position(7))
    assert do("checkpoint") == "checkpoint 2 at 7"
    assert do("info checkpoints") == "   1 at 5+10\n   2 at 7"
    assert do("delete checkpoint", "c1") == "checkpoint 1 is forgotten"
    assert do("info checkpoints") == "   2 at 7"
    assert places.find("c2") == Position(7)


def test_bookmarks_outlive_the_session(
    do: Do, journey: Journey, places: Places, notebook: Path
) -> None:
    assert do("info bookmarks") == "no bookmarks"
    assert not notebook.exists()
    journey.seek(Position(5, 10))
    assert do("bookmark", "first_loss") == "bookmark first_loss at 5+10"
    later = Places(journey.timeline.start, journey.timeline.end)
    again = doing(journey, later)
    assert again("info bookmarks") == "first_loss at 5+10"
    assert later.find("first_loss") == Position(5, 10)
    assert again("delete bookmark", "first_loss") == "bookmark first_loss is forgotten"
    assert not notebook.exists()
    with pytest.raises(BadPlace):
        later.find("first_loss")
    with pytest.raises(Refused):
        again("delete bookmark", "first_loss")


@pytest.mark.parametrize("name", ["end", "start", "c1", "1", "a b", "../x", "a" * 65])
def test_what_is_no_name(do: Do, name: str) -> None:
    with pytest.raises(Refused):
        do("bookmark", name)


def test_notes(do: Do, journey: Journey, notebook: Path) -> None:
    assert do("info notes") == "no notes"
    journey.seek(Position(7))
    assert do("note") == "no note at 7"
    assert do("note", "here it begins") == "noted at 7"
    assert do("note") == "here it begins"
    journey.seek(Position(3))
    do("note", "before")
    assert do("info notes") == "3: before\n7: here it begins"
    assert notebook.is_file()
    for text in ("a\x1bb", "x" * 5000):
        with pytest.raises(Refused):
            do("note", text)


def test_a_place_where_nothing_can_be_written(
    do: Do, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook.mkdir()
    with pytest.raises(Refused):
        do("bookmark", "here")
