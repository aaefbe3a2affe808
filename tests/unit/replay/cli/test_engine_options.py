from __future__ import annotations

from replay.cli.engine_options import ENGINE_HELP, explain_choice
from replay.engines.choice import Choice
from replay.engines.errors import EngineUnavailable
from replay.engines.registry import ENGINE_NAMES


def test_the_help_names_all_engines() -> None:
    assert all(name in ENGINE_HELP for name in ("auto", *ENGINE_NAMES))


def test_engines_passed_over_have_a_line_each() -> None:
    passed_over = (EngineUnavailable("kvm", "it\nhangs", "wait"), EngineUnavailable("native", "no"))
    assert list(explain_choice(Choice("unicorn", passed_over))) == [
        "not engine kvm: it\\nhangs",
        "not engine native: no",
    ]


def test_nothing_to_explain() -> None:
    assert list(explain_choice(Choice("kvm"))) == []
