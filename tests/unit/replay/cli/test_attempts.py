from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.cli.attempts import Attempt, Told, record_attempts, status_data
from replay.cli.record_options import RecordOptions, parse_command_line
from replay.export.checked import Checked, Kind
from tests.unit.replay.recordings import Recorder

Capture = pytest.CaptureFixture[str]


class Runs:
    """Runs that end with one status after the other, each with a file for its trace."""

    def __init__(self, folder: Path, statuses: Sequence[int]) -> None:
        self._folder = folder
        self._statuses = iter(statuses)
        self.quiet: list[bool] = []

    def __call__(self, options: RecordOptions) -> Attempt:
        self.quiet.append(options.quiet)
        number = 1
        while (path := self._folder / f"a.{number}.mp").exists():
            number += 1
        path.touch()
        return Attempt(next(self._statuses), "halted", path, 7, "some")


def attempts(folder: Path, *words: str, statuses: Sequence[int]) -> int:
    return record_attempts(parse_command_line([*words, "a.hvt"]), Runs(folder, statuses))


def traces(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.mp"))


def test_until_failure_keeps_the_failure_alone(tmp_path: Path, capfd: Capture) -> None:
    assert attempts(tmp_path, "--until-failure=9", statuses=[0, 0, 0, 5, 0]) == 5
    assert traces(tmp_path) == ["a.1.mp"]
    assert capfd.readouterr().err == (
        "solo5-record: run 4 of 9 failed\n"
        f"solo5-record: 7 events in {tmp_path}/a.1.mp; `solo5-replay {tmp_path}/a.1.mp`\n"
    )


def test_until_failure_without_one_keeps_nothing(tmp_path: Path, capfd: Capture) -> None:
    assert attempts(tmp_path, "--until-failure=3", statuses=[0, 0, 0, 5]) == 0
    assert traces(tmp_path) == []
    assert capfd.readouterr().err == "solo5-record: 3 runs ended well\n"


def test_all_may_be_kept(tmp_path: Path) -> None:
    words = ["--until-failure=9", "--keep=always"]
    assert attempts(tmp_path, *words, statuses=[0, 0, 1]) == 1
    assert traces(tmp_path) == ["a.1.mp", "a.2.mp", "a.3.mp"]


@pytest.mark.parametrize(("status", "kept"), [(0, []), (3, ["a.1.mp"])])
def test_keep_on_failure(tmp_path: Path, status: int, kept: list[str]) -> None:
    assert attempts(tmp_path, "-q", "--keep=on-failure", statuses=[status]) == status
    assert traces(tmp_path) == kept


def test_nothing_is_said_of_traces_that_go(tmp_path: Path) -> None:
    runs = Runs(tmp_path, [0, 1])
    record_attempts(parse_command_line(["--until-failure=5", "a.hvt"]), runs)
    assert runs.quiet == [True, True]
    runs = Runs(tmp_path, [1])
    record_attempts(parse_command_line(["--self-check", "a.hvt"]), runs)
    assert runs.quiet == [False]


def test_what_cannot_be_recorded_is_not_tried_again(tmp_path: Path, capfd: Capture) -> None:
    tried: list[int] = []

    def refuse(_options: RecordOptions) -> Attempt:
        tried.append(1)
        return Attempt(1, "not-recorded")

    status = tmp_path / "s.json"
    words = ["--until-failure=9", "--self-check", f"--status-json={status}", "a.hvt"]
    assert record_attempts(parse_command_line(words), refuse) == 1
    assert tried == [1]
    assert json.loads(status.read_text()) == {
        "status": 1,
        "outcome": "not-recorded",
        "runs": 1,
        "seconds": json.loads(status.read_text())["seconds"],
        "events": 0,
        "engine": "",
        "trace": None,
        "kept": [],
        "self_check": None,
    }
    assert capfd.readouterr().err == "solo5-record: run 1 of 9 failed\n"


def test_the_status_file() -> None:
    check = Checked("a.mp", Kind.FAILED, "as recorded")
    path = Path("a.mp")
    told = Told(Attempt(3, "halted", path, 9, "some"), 2, 1.23456, (path,), check)
    assert status_data(told) == {
        "status": 3,
        "outcome": "halted",
        "runs": 2,
        "seconds": 1.235,
        "events": 9,
        "engine": "some",
        "trace": "a.mp",
        "kept": ["a.mp"],
        "self_check": {"verdict": "guest-failed", "text": "as recorded"},
    }


def test_a_status_that_cannot_be_written(tmp_path: Path, capfd: Capture) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    options = parse_command_line([f"--status-json={folder}/s.json", "a.hvt"])
    os.rmdir(folder)  # noqa: PTH106
    assert record_attempts(options, Runs(tmp_path, [0])) == 125
    assert "s.json: No such file or directory" in capfd.readouterr().err
    assert record_attempts(options, Runs(tmp_path, [4])) == 4


@pytest.mark.slow
def test_a_self_check_replays_the_failure(recorder: Recorder, capfd: Capture) -> None:
    path = recorder.record("exit", "3").path

    def record(_options: RecordOptions) -> Attempt:
        return Attempt(3, "halted", path, 16, "some")

    assert record_attempts(parse_command_line(["-q", "--self-check", "a.hvt"]), record) == 3
    shown = capfd.readouterr().err
    assert shown.startswith("solo5-record: self-check: faithful, guest failed as recorded: ")


def test_a_good_run_needs_no_check(tmp_path: Path, capfd: Capture) -> None:
    assert attempts(tmp_path, "-q", "--self-check", statuses=[0]) == 0
    assert capfd.readouterr().err == ""
