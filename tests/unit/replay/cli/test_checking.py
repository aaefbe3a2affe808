from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from replay.cli import checking
from replay.cli.check_options import SERVICES
from replay.cli.check_pool import Died, Late
from replay.cli.check_worker import Task
from replay.cli.checking import STATUS_OF, find_traces, judge, worst
from replay.cli.exit_codes import WORST_FIRST, ReplayStatus
from replay.cli.replay import main
from replay.export.checked import Checked, Kind, encode_checked
from tests.unit.replay.recordings import Recorder

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)


def test_every_kind_has_a_status_and_every_status_a_rank() -> None:
    assert set(STATUS_OF) == set(Kind)
    assert set(WORST_FIRST) == set(ReplayStatus)
    assert len(WORST_FIRST) == len(ReplayStatus)


@pytest.mark.parametrize("number", range(len(WORST_FIRST)))
def test_the_worst_stands_for_all(number: int) -> None:
    assert worst(reversed(WORST_FIRST[number:])) is WORST_FIRST[number]


def test_traces_in_folders(tmp_path: Path) -> None:
    for name in ("b.mp", "deep/er/a.mp", "a.mp", "other.txt", "a.mp.checkpoints"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.mp").mkdir()
    found = find_traces(["first.mp", str(tmp_path), str(tmp_path / "a.mp"), "first.mp"])
    assert found == [
        "first.mp",
        *(str(tmp_path / name) for name in ("a.mp", "b.mp", "deep/er/a.mp")),
    ]


TASK = Task("a.mp", "auto", timeout_s=3.0)


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        (Late(), Kind.TIMEOUT, "the time limit of 3 s has passed; the replay hung"),
        (Died(-11), Kind.CANNOT_REPLAY, "the process that replays it has ended by signal 11"),
        (Died(1), Kind.CANNOT_REPLAY, "the process that replays it has ended with status 1"),
        (b"{}", Kind.CANNOT_REPLAY, "the process that replays it has sent nonsense (KeyError: "),
    ],
)
def test_processes_that_come_to_no_verdict(result: object, kind: Kind, text: str) -> None:
    found = judge(TASK, result)  # type: ignore[arg-type]
    assert (found.trace, found.kind) == ("a.mp", kind)
    assert found.text.startswith(text)


def test_a_verdict_is_on_the_trace_that_was_asked_about() -> None:
    sent = encode_checked(Checked("else.mp", Kind.FAITHFUL, "fine"))
    assert judge(TASK, sent) == Checked("a.mp", Kind.FAITHFUL, "fine")


def test_no_traces_are_status_2(tmp_path: Path, capfd: Capture) -> None:
    assert main(["--check", str(tmp_path)]) == ReplayStatus.USAGE
    assert "there is no trace (*.mp) in " in capfd.readouterr().err


def test_lines_summary_and_report(recorder: Recorder, tmp_path: Path, capfd: Capture) -> None:
    good, failed = recorder.record("hello").path, recorder.record("exit", "3").path
    report = tmp_path / "report.xml"
    words = ["--check", str(good), str(failed), "none.mp", "-j", "1", "--junit", str(report)]
    assert main(words) == ReplayStatus.BAD_TRACE
    shown = capfd.readouterr()
    first, second, third = shown.out.splitlines()
    assert first.startswith(f"{good}: faithful: ")
    assert second.startswith(f"{failed}: faithful, guest failed as recorded: ")
    assert third.startswith("none.mp: ")
    summary, *commands = shown.err.splitlines()
    assert "3 traces: 1 faithful, 1 guest-failed, 1 bad-trace; in " in summary
    assert summary.endswith(" s, 1 at a time")
    assert commands == [
        f"solo5-replay:   solo5-replay {failed} --gdb -e",
        "solo5-replay:   solo5-trace verify none.mp",
    ]
    cases = [case.get("name") for case in ET.parse(report).iter("testcase")]
    assert cases == [str(good), str(failed), "none.mp"]


def test_json_lines(recorder: Recorder, capfd: Capture) -> None:
    good, failed = str(recorder.record("hello").path), str(recorder.record("exit", "3").path)
    assert main(["--check", "--json", "-qq", good, failed]) == ReplayStatus.GUEST_FAILED
    shown = capfd.readouterr()
    assert shown.err == ""
    found = {data["trace"]: data for data in map(json.loads, shown.out.splitlines())}
    assert {name: (d["verdict"], d["status"]) for name, d in found.items()} == {
        good: ("faithful", 0),
        failed: ("guest-failed", 1),
    }
    assert found[failed]["guest_status"] == 3


def test_quiet_leaves_out_what_is_good(recorder: Recorder, capfd: Capture) -> None:
    good, failed = str(recorder.record("hello").path), str(recorder.record("exit", "3").path)
    assert main(["--check", "-q", good, failed]) == ReplayStatus.GUEST_FAILED
    shown = capfd.readouterr()
    assert [line.partition(":")[0] for line in shown.out.splitlines()] == [failed]
    assert "2 traces: 1 faithful, 1 guest-failed; " in shown.err


def test_options_reach_the_replays_and_the_commands(recorder: Recorder, capfd: Capture) -> None:
    path = str(recorder.record("hello", "one").path)
    words = ["--check", "-j1", path, "--engine=unicorn", "--args", "two words"]
    assert main(words) == ReplayStatus.DIVERGED
    command = capfd.readouterr().err.splitlines()[-1]
    assert f"solo5-replay {path} --engine=unicorn '--args=two words' --until " in command


def test_many_commands_are_cut(capfd: Capture) -> None:
    names = [f"none{number}.mp" for number in range(12)]
    assert main(["--check", "-q", *names]) == ReplayStatus.BAD_TRACE
    *_, last = capfd.readouterr().err.splitlines()
    assert last == "solo5-replay:   … and 2 more like these"


def test_a_report_that_cannot_be_written_is_told(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    assert main(["--check", str(recorder.record("hello").path)]) == ReplayStatus.CANNOT_REPLAY
    assert "summary.md: No such file or directory" in capfd.readouterr().err


def test_stopped_in_the_middle(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    good = str(recorder.record("hello").path)
    show = checking._show

    def interrupted(given: object, checked: Checked) -> None:
        show(given, checked)  # type: ignore[arg-type]
        if checked.kind is Kind.FAITHFUL:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(checking, "_show", interrupted)
    assert main(["--check", "-j1", good, "none.mp"]) == ReplayStatus.INTERRUPTED
    shown = capfd.readouterr()
    assert shown.out.splitlines()[1] == "none.mp: stopped before there was a verdict"
    assert "2 traces: 1 faithful, 1 interrupted; " in shown.err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
