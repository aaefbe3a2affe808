"""A session from when it is opened to when it is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.tui.model.session_state import SessionState
from replay.tui.session_file import load_session, save_session, session_path
from replay.tui.session_keeper import SessionKeeper


def test_a_first_session(tmp_path: Path) -> None:
    keeper = SessionKeeper(tmp_path / "app.mp")
    opening = keeper.opening(None)
    assert opening.kept == SessionState()
    assert not opening.remarks
    assert keeper.save(SessionState(Position(4))) == ""
    assert SessionKeeper(tmp_path / "app.mp").opening(None).kept.position == Position(4)


def test_a_session_that_was_never_seen_keeps_what_there_was(tmp_path: Path) -> None:
    path = session_path(tmp_path / "app.mp")
    save_session(path, SessionState(Position(4)))
    keeper = SessionKeeper(tmp_path / "app.mp")
    keeper.opening(None)
    assert keeper.save(None) == ""
    assert load_session(path) == SessionState(Position(4))


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    keeper = SessionKeeper(tmp_path / "app.mp")
    keeper.opening(None)
    keeper.save(SessionState(Position(4)))
    session_path(tmp_path / "app.mp").unlink()
    assert keeper.save(SessionState(Position(4))) == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        "a diary",
        '{"version": 1, "position": "0", "points": {"points": 5}, "pane": "", "theme": "", '
        '"shares": {}, "hidden": []}',
    ],
)
def test_what_is_not_ours_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    path = session_path(tmp_path / "app.mp")
    path.write_text(content)
    keeper = SessionKeeper(tmp_path / "app.mp")
    (remark,) = keeper.opening(None).remarks
    assert str(path) in remark
    assert "left alone" in remark
    assert keeper.save(SessionState(Position(4))) == ""
    assert path.read_text() == content


def test_what_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    keeper = SessionKeeper(tmp_path / "gone" / "app.mp")
    keeper.opening(None)
    assert "this session is not remembered" in keeper.save(SessionState(Position(4)))
    assert keeper.save(SessionState(Position(5))) == ""
