from __future__ import annotations

from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.notebook import (
    BadNotebook,
    Notebook,
    load_notebook,
    notebook_path,
)


def test_a_notebook_comes_back(tmp_path: Path) -> None:
    path = notebook_path(tmp_path / "app.mp")
    assert path == tmp_path / "app.mp.notes.json"
    assert load_notebook(path) == Notebook()
    book = Notebook({"here": Position(4, 2)}, {Position(7): "größer als erwartet"})
    book.save(path)
    assert load_notebook(path) == book
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_an_empty_notebook_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    Notebook({"a": Position(1)}).save(path)
    Notebook().save(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"version": 2, "bookmarks": {}, "notes": {}}'),
        '{"version": 1, "bookmarks": {"a": "b"}, "notes": {}}',
        '{"version": 1, "bookmarks": [], "notes": {}}',
        '{"version": 1, "bookmarks": {"a": 7}, "notes": {}}',
    ],
)
def test_what_is_no_notebook_is_said_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes"
    path.write_text(content)
    with pytest.raises(BadNotebook, match="move it away"):
        load_notebook(path)
    assert path.read_text() == content
