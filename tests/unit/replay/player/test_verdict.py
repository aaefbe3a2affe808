"""What comes of a replay, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitors.calls.lifecycle import MisuseKind
from replay.machine.ending import Ending, Halted, Misused, Reached
from replay.machine.position import Position
from replay.player.errors import Divergence, StateDivergence
from replay.player.session import Replayed
from replay.player.verdict import (
    CannotReplay,
    Diverged,
    Faithful,
    Incomplete,
    verdict_of,
    verdict_of_divergence,
    why_cut_short,
)
from traces.events import CallRecord
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"


@pytest.mark.parametrize(
    ("ending", "verdict", "words"),
    [
        (Halted(-1), Faithful(7, 2, 255), "faithful; the guest exited with status 255"),
        (
            Misused(MisuseKind.INVALID_POINTER, "at 0x10"),
            Faithful(7, 2, MisuseKind.INVALID_POINTER.process_status, "at 0x10"),
            "faithful; the guest was ended with status 1: at 0x10",
        ),
        (
            Reached(),
            Incomplete(7, 2, "the recorder was killed"),
            "faithful so far; the recorder was killed",
        ),
    ],
)
def test_of_a_replay(ending: Ending, verdict: Faithful | Incomplete, words: str) -> None:
    with open_trace(CORPUS / "hello-1.0.mp") as trace:
        assert verdict_of(Replayed(ending, Position(7), 2), trace) == verdict
    assert str(verdict) == words


def test_of_a_divergence() -> None:
    error = Divergence(Position(4), CallRecord("WallClock"), CallRecord("Halt", (("status", 3),)))
    verdict = verdict_of_divergence(error)
    assert verdict == Diverged(4, "WallClock()", "Halt(status=3)")
    assert str(verdict) == "diverges at event 4: recorded WallClock(), replayed Halt(status=3)"


def test_of_one_behind_the_recordings_end() -> None:
    verdict = verdict_of_divergence(Divergence(Position(4), None, CallRecord("WallClock")))
    assert "(the recording had ended)" in str(verdict)


def test_of_another_state() -> None:
    verdict = verdict_of_divergence(StateDivergence(Position(5), "registers"))
    assert verdict.event == 4
    assert "registers" in str(verdict)


def test_without_a_replay() -> None:
    assert str(CannotReplay("no guest")) == "cannot be replayed: no guest"


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    path.write_bytes((CORPUS / "hello-1.0.mp").read_bytes()[:-60])
    with open_trace(path) as trace:
        assert why_cut_short(trace).startswith("the recorder was killed (")
