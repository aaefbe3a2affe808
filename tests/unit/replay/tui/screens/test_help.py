"""The list of all verbs, for screens of any width."""

from __future__ import annotations

import pytest

from replay.tui.model.rows import plain
from replay.tui.screens.help import help_lines, verb_lines
from replay.tui.verbs import all_verbs, find_verb


@pytest.mark.parametrize("width", [60, 72, 104])
def test_every_verb_is_listed_and_nothing_is_cut_off(width: int) -> None:
    lines = [plain(line) for line in help_lines(width)]
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for verb in all_verbs():
        assert f":{verb.command}" in text
        assert verb.about.split()[-1] in text


def test_a_long_command_has_a_row_of_its_own() -> None:
    lines = [plain(line) for line in verb_lines(find_verb("break"), 72)]
    assert lines[0].strip() == "b              :break [PLACE [if CONDITION]]"
    assert lines[1].strip().startswith("stop there")


def test_a_narrow_screen_has_the_verbs_all_the_same() -> None:
    assert sum(":step" in plain(line) for line in help_lines(5)) >= 1
