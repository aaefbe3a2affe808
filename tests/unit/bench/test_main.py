"""The command line of the measurements."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as program
from bench.figures import Answer, Figure


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where results go instead, with questions that are answered at once."""

    class Module:
        @staticmethod
        def answer(_directory: Path, *, quick: bool) -> Answer:
            figure = Figure("ratio", 1.0 if quick else 2.0, "x", 0.5)
            return Answer("How much?", [figure], "a note")

    path = tmp_path / "results.md"
    monkeypatch.setattr(program, "_RESULTS", path)
    monkeypatch.setattr(program, "import_module", lambda _name: Module)
    return path


def test_a_full_run_writes_the_results_and_fails_over_a_missed_goal(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([]) == 1
    text = results.read_text()
    assert text.count("## How much?") == len(program.QUESTIONS)
    assert "| ratio | <= 0.5 x | 2.000 x | MISSED |" in text
    assert "processor: " in text
    assert "a note" in text
    assert "MISSED: ratio" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--quick"], ["--quick", "compute"]])
def test_a_quick_run_judges_and_writes_nothing(results: Path, words: list[str]) -> None:
    assert program.main(words) == 0
    assert not results.exists()


def test_a_part_of_the_questions_does_not_replace_the_results(results: Path) -> None:
    assert program.main(["startup"]) == 1
    assert not results.exists()


def test_an_unknown_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        program.main(["weather"])
    assert exit_.value.code == 2
    assert "no question 'weather'; there are: startup," in capsys.readouterr().err
