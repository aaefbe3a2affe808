"""Verbs about the session itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.tui.desk import Refusal
from replay.tui.handlers import all_handlers
from replay.tui.handlers import session as session_module
from replay.tui.verbs import all_verbs
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


def test_every_verb_has_one_handler(early_desk: FakeDesk) -> None:
    verbs = {verb.command for verb in all_verbs()}
    assert set(all_handlers(early_desk)) == {*verbs, "filter-by"}  # what is typed behind "&"


def test_help(early_desk: FakeDesk) -> None:
    early_desk.do("help")
    assert early_desk.did == ["show_help"]
    early_desk.do("help", "rs")
    assert early_desk.answers == [
        "reverse-step [N]: to the line before (key S or Shift+F11); also rs"
    ]
    early_desk.do("help", "rwatch")  # which has no key
    assert "key" not in early_desk.answers[-1]
    with pytest.raises(Refusal, match="'nothing'"):
        early_desk.do("help", "nothing")


def test_themes(early_desk: FakeDesk) -> None:
    early_desk.do("theme")
    assert early_desk.answers == ["themes: dark, light"]
    early_desk.do("theme", "light")
    assert early_desk.did == ["use_theme light"]
    with pytest.raises(Refusal, match="there are dark, light"):
        early_desk.do("theme", "loud")


def test_pictures_overwrite_nothing(early_desk: FakeDesk, tmp_path: Path) -> None:
    early_desk.do("screenshot", str(tmp_path / "a.svg"))
    assert (tmp_path / "a.svg").read_text() == "<svg/>"
    with pytest.raises(Refusal, match="nothing is overwritten"):
        early_desk.do("screenshot", str(tmp_path / "a.svg"))
    with pytest.raises(Refusal, match="No such file"):
        early_desk.do("screenshot", str(tmp_path / "gone" / "a.svg"))
    early_desk.do("screenshot")
    early_desk.do("screenshot")
    assert sorted(each.name for each in tmp_path.glob("app.mp.*")) == [
        "app.mp.1.svg",
        "app.mp.2.svg",
    ]
    assert early_desk.said[-1].endswith("app.mp.2.svg")


def test_a_picture_does_not_follow_a_link_that_leads_nowhere(
    early_desk: FakeDesk, tmp_path: Path
) -> None:
    (tmp_path / "link.svg").symlink_to(tmp_path / "elsewhere.svg")
    with pytest.raises(Refusal, match="nothing is overwritten"):
        early_desk.do("screenshot", str(tmp_path / "link.svg"))
    assert not (tmp_path / "elsewhere.svg").exists()


def test_pictures_without_end(early_desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_PICTURES_MAX", 2)
    early_desk.do("screenshot")
    early_desk.do("screenshot")
    with pytest.raises(Refusal, match="2 pictures beside the trace"):
        early_desk.do("screenshot")


def test_source_files_of_another_folder(
    desk: FakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    before = desk.moment
    desk.do("source", str(tmp_path / "src"))
    assert desk.moment is not before  # the panes have looked again
    desk.do("source", "~/src")
    assert desk.asked == ["source", "source"]
    for bad in ("", str(tmp_path / "gone"), "~nobody-of-this-name/src"):
        with pytest.raises(Refusal, match="wants a folder"):
            desk.do("source", bad)


def test_commands_and_leaving_are_the_desks(early_desk: FakeDesk) -> None:
    early_desk.do("command")
    early_desk.do("quit")
    assert early_desk.prompts == [":"]
    assert early_desk.did == ["leave"]
