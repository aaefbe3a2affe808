from __future__ import annotations

import re
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.replay import main
from tests.unit.replay.recordings import Recorder

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def failure(recorder: Recorder) -> Path:
    return recorder.record("flaky", "2").path


def told(argv: list[str], capfd: Capture) -> tuple[int, str]:
    status = main(argv)
    return status, capfd.readouterr().err


def test_the_first_and_the_last_time(failure: Path, capfd: Capture) -> None:
    first = told([str(failure), "--until", "console:audit"], capfd)
    last = told([str(failure), "--back-to", "console:audit"], capfd)
    assert first[0] == last[0] == ReplayStatus.FAITHFUL
    assert first[1].startswith("solo5-replay: at position ")
    assert "(event)" in first[1]
    assert " main.c:" in first[1]
    assert first[1] != last[1]


def test_the_last_event_counts_on_the_way_back(failure: Path, capfd: Capture) -> None:
    status, text = told([str(failure), "--back-to", "call:halt"], capfd)
    assert status == ReplayStatus.FAITHFUL
    assert "(event)" in text


def test_a_place_in_the_code_and_a_core_there(
    failure: Path, tmp_path: Path, capfd: Capture
) -> None:
    core = tmp_path / "core"
    argv = [str(failure), "--back-to", "main.c:204", "--core", str(core)]
    status, text = told(argv, capfd)
    assert status == ReplayStatus.FAITHFUL
    assert "(break)" in text
    assert "main.c:204" in text
    assert core.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize("way", ["--until", "--back-to"])
def test_where_a_journey_begins_counts(failure: Path, capfd: Capture, way: str) -> None:
    where = "start" if way == "--until" else "end"
    _, text = told([str(failure), "--until", where], capfd)
    match = re.search(r"(at position \S+) .*\n.*  at (0x[0-9a-f]+) ", text)
    assert match
    status, text = told([str(failure), way, f"*{match[2]}"], capfd)
    assert status == ReplayStatus.FAITHFUL
    assert f"{match[1]} (break)" in text
    status, text = told([str(failure), way, f"*{match[2]} if $rsp == 0"], capfd)
    assert "does not occur" in text


def test_what_never_happens(failure: Path, capfd: Capture) -> None:
    status, text = told([str(failure), "--until", "print if $rsp == 0"], capfd)
    assert status == ReplayStatus.GUEST_FAILED
    assert "does not occur in this recording" in text


def test_a_goal_that_is_none_is_wrong_usage(failure: Path, capfd: Capture) -> None:
    status, text = told([str(failure), "--until", "prnt"], capfd)
    assert status == ReplayStatus.USAGE
    assert "there is no such function" in text
    assert main([str(failure), "--until", "5", "--back-to", "7"]) == ReplayStatus.USAGE


def test_a_time_limit(recorder: Recorder, capfd: Capture) -> None:
    path = recorder.record("compute", "4").path
    argv = [str(path), "--timeout", "0.001", "--back-to", "call:wall_clock"]
    status, text = told(argv, capfd)
    assert status == ReplayStatus.TIMEOUT
    assert "the time limit of 0.001 s has passed" in text


def test_where_a_value_comes_from(failure: Path, capfd: Capture) -> None:
    argv = [str(failure), "-q", "--back-to", "main.c:204", "--why", "u64[$rbp]"]
    status, text = told(argv, capfd)
    assert status == ReplayStatus.FAITHFUL
    first, *_, last = text.splitlines()
    assert re.fullmatch(
        r"solo5-replay: u64\[\$rbp\] \(8 bytes at 0x[0-9a-f]+\) = 0xc9cf6e2956ed237e", first
    )
    assert "in index_grow main.c:101" in text
    assert "in draw main.c:" in last


def test_why_at_a_position(failure: Path, capfd: Capture) -> None:
    status, text = told([str(failure), "--until", "20", "--why", "$rsp"], capfd)
    assert status == ReplayStatus.FAITHFUL
    assert "at position 20 (reached)" in text
    assert "solo5-replay: $rsp = 0x" in text


def test_what_cannot_be_asked(failure: Path, capfd: Capture) -> None:
    for words in (["--why", "$rax"], ["--until", "5", "--why", "$rax", "--check"]):
        assert told([str(failure), *words], capfd)[0] == ReplayStatus.USAGE
    status, text = told([str(failure), "--until", "5", "--why", "nothing"], capfd)
    assert status == ReplayStatus.USAGE
    assert "there is no variable 'nothing'" in text
    status, text = told([str(failure), "--until", "print if $rsp == 0", "--why", "$rax"], capfd)
    assert status == ReplayStatus.GUEST_FAILED
    assert "$rax" not in text
