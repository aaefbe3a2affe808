"""Sessions in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.tui.model.session_state import BadSession, SessionState
from replay.tui.session_file import load_session, save_session, session_path


def test_a_session_is_kept_beside_its_trace(tmp_path: Path) -> None:
    path = session_path(tmp_path / "app.mp")
    assert path.name == "app.mp.session.json"
    assert load_session(path) is None
    state = SessionState(Position(3, 4), pane="console")
    save_session(path, state)
    assert load_session(path) == state
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{}", b"", b" " * (2 << 20)])
def test_a_file_that_is_no_session_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "app.mp.session.json"
    path.write_bytes(content)
    with pytest.raises(BadSession, match="left alone"):
        load_session(path)


def test_a_session_that_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        save_session(tmp_path / "no such folder" / "x", SessionState())


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "app.mp.session.json"
    path.mkdir()
    with pytest.raises(BadSession, match="no session is kept"):
        load_session(path)
