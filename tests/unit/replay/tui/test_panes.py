"""Which panes there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.tui.model.arrangement import PLACES
from replay.tui.panes import make_groups
from replay.tui.verbs import all_verbs
from replay.tui.widgets.pane import Pane
from tests.unit.replay.tui.model.event_traces import PRINTED
from tests.unit.replay.tui.scanned import recorded


@pytest.fixture
def panes(tmp_path: Path) -> Iterator[list[Pane]]:
    with recorded(tmp_path, [PRINTED]) as recording:
        groups = make_groups(recording)
        assert set(groups) == set(PLACES)
        yield [pane for group in groups.values() for pane in group.panes]


def test_each_has_a_name_a_key_and_words_of_its_own(panes: list[Pane]) -> None:
    for attribute in ("NAME", "TITLE", "KEY", "ABOUT"):
        words = [getattr(pane, attribute) for pane in panes]
        assert all(words)
        assert Counter(words).most_common(1)[0][1] == 1


def test_no_name_is_the_beginning_of_another(panes: list[Pane]) -> None:
    names = [pane.NAME for pane in panes]
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]


def test_no_verb_has_the_key_of_a_pane(panes: list[Pane]) -> None:
    keys = {key for verb in all_verbs() for key in verb.keys.split(",")}
    assert not keys & {pane.KEY for pane in panes}


def test_who_looks_at_the_guest_shows_what_it_sees(panes: list[Pane]) -> None:
    for pane in panes:
        if pane.look() is not None:
            assert type(pane).display_seen is not Pane.display_seen
