from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from replay.cli.check_pool import Died, Late, processors, run_all
from tests.unit.replay.cli.pool_work import echo, meet, misbehave, terminal

pytestmark = pytest.mark.slow


def test_each_task_has_its_result() -> None:
    found = dict(run_all(range(20), echo, jobs=3))
    assert found == {number: str(number).encode() for number in range(20)}


def test_as_many_run_at_once_as_there_are_jobs(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found = run_all([(str(fifo), "rb"), (str(fifo), "wb")], meet, jobs=2, limit_s=60.0)
    assert dict(found) == {0: b"met", 1: b"met"}


def test_no_tasks() -> None:
    assert list(run_all([], echo, jobs=2)) == []


def test_what_becomes_of_one_is_its_own_affair(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = ["", "crash", "exit", "raise", "print", ""]
    found = dict(run_all(tasks, misbehave, jobs=2))
    assert found == {
        0: b"done",
        1: Died(-signal.SIGSEGV),
        2: Died(3),
        3: Died(1),
        4: b"done",
        5: b"done",
    }
    assert capfd.readouterr() == ("", "")


def test_one_that_hangs_is_ended_and_the_others_are_not() -> None:
    found = list(run_all(["hang", "", ""], misbehave, jobs=2, limit_s=5.0))
    assert sorted(found[:2]) == [(1, b"done"), (2, b"done")]
    assert found[2:] == [(0, Late())]


def test_the_terminal_is_not_theirs() -> None:
    assert dict(run_all([None], terminal, jobs=1)) == {0: b"True ''"}


def test_closing_ends_what_runs() -> None:
    results = run_all(["", "hang"], misbehave, jobs=2)
    assert next(results) == (0, b"done")
    results.close()
    with pytest.raises(StopIteration):
        next(results)


def test_processors() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)
