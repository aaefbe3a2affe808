"""Nothing that can be done is without a test that does it."""

from __future__ import annotations

import importlib
from pathlib import Path

from replay.tui.verbs import all_verbs
from tests.tui.driver import VERBS_WITH_TESTS


def test_every_verb_has_a_test() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.tui.{path.stem}")
    assert {verb.command for verb in all_verbs()} == VERBS_WITH_TESTS
