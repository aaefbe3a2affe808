from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.trace import main
from tests.unit.replay.cli.broken import break_last_events, cut_before_summary

CORPUS = Path(__file__).parents[4] / "traces/corpus"
DEVICES = CORPUS / "devices-1.0.mp"
HELLO = CORPUS / "hello-1.0.mp"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.mp"
    shutil.copy(DEVICES, path)
    break_last_events(path)
    return path


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    path = tmp_path / "unfinished.mp"
    shutil.copy(DEVICES, path)
    cut_before_summary(path)
    return path


def test_info(capsys: Capture, broken: Path) -> None:
    assert main(["info", str(DEVICES)]) == 0
    assert "44 events" in capsys.readouterr().out
    assert main(["info", "--json", str(DEVICES)]) == 0
    assert json.loads(capsys.readouterr().out)["events"]["count"] == 44
    assert main(["info", str(broken)]) == ReplayStatus.BAD_TRACE
    assert "DAMAGED" in capsys.readouterr().out


def test_stats(capsys: Capture, broken: Path) -> None:
    assert main(["stats", str(DEVICES)]) == 0
    assert "44 events" in capsys.readouterr().out
    assert main(["stats", str(DEVICES), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 44
    assert main(["stats", str(broken)]) == ReplayStatus.BAD_TRACE
    assert "DAMAGED" in capsys.readouterr().out


def test_dump(capsys: Capture) -> None:
    assert main(["dump", str(DEVICES), "--type", "net", "--from=35", "--to", "37"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["#35", "#36"]
    assert err == ""


def test_dump_with_a_replay(capsys: Capture) -> None:
    words = ["dump", str(DEVICES), "--replay", "--type=net", "--json"]
    assert main(words) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [34, 35, 36, 37]
    assert len(events[-1]["inputs"]["data"]["bytes"]) == 120
    assert events[-1]["frame"][0].startswith("Ethernet 06:07:08:09:0a:0b > 00:01:02:03:04:05")


def test_dump_with_the_replay_of_another_guest(capsys: Capture, tmp_path: Path) -> None:
    guest = tmp_path / "other.hvt"
    guest.write_bytes(b"nothing")
    words = ["dump", str(HELLO), "--guest", str(guest)]
    assert main(words) == ReplayStatus.USAGE
    assert "--guest is for --replay" in capsys.readouterr().err
    assert main([*words, "--replay"]) == ReplayStatus.CANNOT_REPLAY
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot replay" in err


@pytest.mark.parametrize("replay", [[], ["--replay"]])
def test_dump_of_an_unfinished_trace_says_so(
    capsys: Capture, unfinished: Path, replay: list[str]
) -> None:
    assert main(["dump", str(unfinished), *replay]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("#43 Halt")
    assert "the trace is incomplete" in err
    assert main(["dump", str(unfinished), "--to", "3", *replay]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("replay", [[], ["--replay"]])
def test_dump_of_a_damaged_trace(capsys: Capture, broken: Path, replay: list[str]) -> None:
    assert main(["dump", str(broken), *replay]) == ReplayStatus.BAD_TRACE
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("#39 ")
    assert str(broken) in err


def test_verify(capsys: Capture, broken: Path, unfinished: Path) -> None:
    assert main(["verify", str(DEVICES)]) == 0
    assert capsys.readouterr().out.startswith("sound and complete: 44 events, ")
    assert main(["verify", str(unfinished)]) == ReplayStatus.INCOMPLETE
    assert capsys.readouterr().out.startswith("sound but incomplete: 44 events, ")
    assert main(["verify", str(broken)]) == ReplayStatus.BAD_TRACE
    assert capsys.readouterr().out.startswith("damaged: ")


def test_salvage(capsys: Capture, broken: Path, tmp_path: Path) -> None:
    words = ["salvage", str(broken), "-o", str(tmp_path / "kept.mp")]
    assert main(words) == 0
    kept, lost = capsys.readouterr().out.splitlines()
    assert kept.startswith("kept 40 events ")
    assert lost.startswith("lost ")
    assert main(words) == ReplayStatus.USAGE, "nothing is overwritten"
    assert "kept.mp" in capsys.readouterr().err
    assert main(["dump", str(tmp_path / "kept.mp"), "--from", "39"]) == 0
    assert capsys.readouterr().out.startswith("#39 ")


def test_salvage_of_a_whole_trace(capsys: Capture, tmp_path: Path) -> None:
    assert main(["salvage", str(DEVICES), "-o", str(tmp_path / "kept.mp")]) == 0
    assert "lost nothing: the run is whole to its end" in capsys.readouterr().out
    assert main(["salvage", str(DEVICES), "-o", str(tmp_path / "no/kept.mp")]) == (
        ReplayStatus.CANNOT_REPLAY
    )


def test_diff(capsys: Capture, unfinished: Path) -> None:
    assert main(["diff", str(DEVICES), str(DEVICES)]) == 0
    assert capsys.readouterr().out == "the same run: 44 events and the ending agree\n"
    assert main(["diff", str(DEVICES), str(HELLO)]) == ReplayStatus.DIVERGED
    assert capsys.readouterr().out.startswith("first difference: ")


def test_diff_of_events(capsys: Capture, tmp_path: Path) -> None:
    from monitors.calls.clock import WALL_CLOCK, ClockReading
    from tests.golden.make_corpus import make_example
    from traces.reader import open_trace
    from traces.writer import TraceWriter

    whole, short = tmp_path / "whole.mp", tmp_path / "short.mp"
    make_example(whole)
    with open_trace(whole) as trace:
        header, summary = trace.header, trace.summary
    assert summary is not None
    with TraceWriter(short, header, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        writer.append(WALL_CLOCK, ClockReading(5))
        writer.finish(summary)
    assert main(["diff", str(whole), str(short)]) == ReplayStatus.DIVERGED
    head, left, right = capsys.readouterr().out.splitlines()
    assert head == "first difference: event 0, and all before agree"
    assert left.endswith("#0 WallClock() = 1790000000.000000000")
    assert right.endswith("#0 WallClock() = 0.000000005")


@pytest.mark.parametrize("command", ["info", "dump", "stats", "verify"])
def test_no_trace(command: str, capsys: Capture, tmp_path: Path) -> None:
    assert main([command, str(tmp_path / "none.mp")]) == ReplayStatus.BAD_TRACE
    path = tmp_path / "text.mp"
    path.write_text("no trace")
    assert main([command, str(path)]) == ReplayStatus.BAD_TRACE
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err


def test_usage_and_help(capsys: Capture) -> None:
    assert main(["dump"]) == ReplayStatus.USAGE
    assert main(["--help"]) == 0
    assert main(["--version"]) == 0
    assert "solo5-trace" in capsys.readouterr().out


def test_ctrl_c(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("traces.reader.open_trace", interrupted)
    assert main(["info", "a.mp"]) == ReplayStatus.INTERRUPTED
    assert capsys.readouterr().err == "solo5-trace: stopped\n"


@pytest.mark.slow
@pytest.mark.parametrize("replay", [[], ["--replay"]])
def test_a_reader_that_goes_away(replay: list[str]) -> None:
    """Like `| head`: no complaint, and the status says that nobody read to the end."""
    words = [sys.executable, "-m", "replay.cli.trace", "dump", str(DEVICES), "--hex", *replay]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(60) == ReplayStatus.OUTPUT_CLOSED
    assert errors == b""
