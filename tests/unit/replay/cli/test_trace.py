from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.cli.exit_codes import ReplayStatus
from replay.cli.trace import main
from tests.unit.replay.cli.broken import break_last_events, cut_before_summary
from tests.unit.replay.made_traces import EVERY_KIND, HALTED, MakeTrace, make_header
from traces.reader import open_trace

Capture = pytest.CaptureFixture[str]
Damage = Callable[[Path, bytes], Path]

THIRD_BLOCK = b"\x96\xa1E\x08\x04"
COMMANDS = ("info", "dump", "stats", "verify", "salvage", "diff")
DEVICES = Path(__file__).parents[4] / "traces/corpus/devices-1.0.mp"


def test_help_names_all_commands(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "exit status:" in shown
    for command in COMMANDS:
        assert f"\n  solo5-trace {command} " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: Capture) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  solo5-trace {command} " in shown


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("solo5-trace 0.")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: COMMAND"),
        (["show", "a.mp"], "invalid choice: 'show'"),
        (["info"], "required: TRACE"),
        (["dump", "a.mp", "--type", "clocks"], "no type 'clocks'; families: clock"),
        (["dump", "a.mp", "--from", "-1"], "not the number of an event: '-1'"),
        (["dump", "a.mp", "--to", "1+2"], "not the number of an event: '1+2'"),
        (["dump", "a.mp", "--hex", "--json"], "not allowed with"),
        (["salvage", "a.mp"], "required: -o/--output"),
        (["diff", "a.mp"], "required: TRACE"),
    ],
)
def test_wrong_usage_is_status_2(argv: list[str], words: str, capsys: Capture) -> None:
    assert main(argv) == ReplayStatus.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err


@pytest.mark.parametrize(
    "argv",
    [
        ["info"],
        ["dump"],
        ["dump", "--replay"],
        ["stats"],
        ["verify"],
        ["salvage", "-o", "o.mp"],
        ["diff", "x"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [None, b"", b"\x7fELF and more", b"\x89\xa6format"])
def test_what_is_no_trace_is_status_4(
    argv: list[str],
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("bad.mp").write_bytes(content)
    assert main([argv[0], "bad.mp", *argv[1:]]) == ReplayStatus.BAD_TRACE
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert len(text.splitlines()) == 1
    assert not Path("o.mp").exists()


class TestInfo:
    def test_text(self, make_trace: MakeTrace, capsys: Capture) -> None:
        assert main(["info", str(make_trace())]) == 0
        shown = capsys.readouterr()
        assert ": complete, 19 events, " in shown.out
        assert shown.err == ""

    def test_json(self, make_trace: MakeTrace, capsys: Capture) -> None:
        assert main(["info", "--json", str(make_trace())]) == 0
        assert json.loads(capsys.readouterr().out)["complete"] is True

    def test_damage_is_status_4(
        self, make_trace: MakeTrace, damage: Damage, capsys: Capture
    ) -> None:
        assert main(["info", str(damage(make_trace(), THIRD_BLOCK))]) == ReplayStatus.BAD_TRACE
        assert "DAMAGED, 8 events" in capsys.readouterr().out


class TestDump:
    def test_options(self, make_trace: MakeTrace, capsys: Capture) -> None:
        options = ["--type", "clock", "--type", "poll", "--from", "1", "--to", "9"]
        assert main(["dump", str(make_trace()), *options]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "#1 MonotonicClock() = 0.000000005",
            "#8 Poll(timeout=1.500000000) = ready 2 service",
        ]

    def test_hex_and_json(self, make_trace: MakeTrace, capsys: Capture) -> None:
        path = str(make_trace())
        assert main(["dump", path, "--hex", "--type", "block"]) == 0
        assert "    0001f0  00 00" in capsys.readouterr().out
        assert main(["dump", path, "--json", "--from", "18"]) == 0
        assert json.loads(capsys.readouterr().out)["call"] == "Halt"

    def test_an_unfinished_trace_is_noted(self, make_trace: MakeTrace, capsys: Capture) -> None:
        path = str(make_trace(summary=None))
        assert main(["dump", path]) == 0
        shown = capsys.readouterr()
        assert len(shown.out.splitlines()) == 19
        assert shown.err == (
            "solo5-trace: the trace is incomplete; "
            "how the run ended: not known, the recorder was killed\n"
        )
        assert main(["dump", path, "--to", "3"]) == 0
        assert capsys.readouterr().err == ""

    def test_damage_is_status_4_behind_the_sound_events(
        self, make_trace: MakeTrace, damage: Damage, capsys: Capture
    ) -> None:
        path = damage(make_trace(), THIRD_BLOCK)
        assert main(["dump", str(path)]) == ReplayStatus.BAD_TRACE
        shown = capsys.readouterr()
        assert len(shown.out.splitlines()) == 8
        assert f"solo5-trace: {path}: checksum" in shown.err

    def test_truncation_is_status_4_behind_the_sound_events(
        self, make_trace: MakeTrace, capsys: Capture
    ) -> None:
        path = make_trace()
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.index(THIRD_BLOCK) + 20])
        assert main(["dump", str(path)]) == ReplayStatus.BAD_TRACE
        shown = capsys.readouterr()
        assert len(shown.out.splitlines()) == 8
        assert f"solo5-trace: {path}: the file ends" in shown.err
        assert main(["dump", str(path), "--to", "5"]) == 0


class TestDumpReplay:
    def test_what_the_guest_gave(self, capsys: Capture) -> None:
        assert main(["dump", str(DEVICES), "--replay", "--type=net", "--json"]) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [event["event"] for event in events] == [34, 35, 36, 37]
        assert len(events[-1]["inputs"]["data"]["bytes"]) == 120
        assert events[-1]["frame"][0].startswith("Ethernet 06:07:08:09:0a:0b > 00:01:02:03:04:05")

    def test_another_guest(self, capsys: Capture, tmp_path: Path) -> None:
        guest = tmp_path / "other.hvt"
        guest.write_bytes(b"nothing")
        words = ["dump", str(DEVICES), "--guest", str(guest)]
        assert main(words) == ReplayStatus.USAGE
        assert "--guest is for --replay" in capsys.readouterr().err
        assert main([*words, "--replay"]) == ReplayStatus.CANNOT_REPLAY
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "cannot replay" in shown.err

    def test_an_unfinished_trace_is_noted(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "unfinished.mp"
        shutil.copy(DEVICES, path)
        cut_before_summary(path)
        assert main(["dump", str(path), "--replay"]) == 0
        shown = capsys.readouterr()
        assert shown.out.splitlines()[-1].startswith("#43 Halt")
        assert "the trace is incomplete" in shown.err
        assert main(["dump", str(path), "--to", "3", "--replay"]) == 0
        assert capsys.readouterr().err == ""

    def test_damage_is_status_4_behind_the_sound_events(
        self, capsys: Capture, tmp_path: Path
    ) -> None:
        path = tmp_path / "broken.mp"
        shutil.copy(DEVICES, path)
        first_lost = break_last_events(path)
        assert main(["dump", str(path), "--replay"]) == ReplayStatus.BAD_TRACE
        shown = capsys.readouterr()
        assert len(shown.out.splitlines()) == first_lost
        assert str(path) in shown.err


class TestStats:
    def test_text(self, make_trace: MakeTrace, capsys: Capture) -> None:
        assert main(["stats", str(make_trace())]) == 0
        shown = capsys.readouterr()
        assert ": complete, 19 events\n" in shown.out
        assert shown.err == ""

    def test_json(self, make_trace: MakeTrace, capsys: Capture) -> None:
        assert main(["stats", "--json", str(make_trace())]) == 0
        assert json.loads(capsys.readouterr().out)["events"] == 19

    def test_damage_is_status_4(
        self, make_trace: MakeTrace, damage: Damage, capsys: Capture
    ) -> None:
        assert main(["stats", str(damage(make_trace(), THIRD_BLOCK))]) == ReplayStatus.BAD_TRACE
        assert "DAMAGED, 8 events" in capsys.readouterr().out


class TestVerify:
    def test_sound(self, make_trace: MakeTrace, capsys: Capture) -> None:
        path = make_trace()
        assert main(["verify", str(path)]) == 0
        assert capsys.readouterr().out == (
            "sound and complete: 19 events, 4 state digests, "
            f"{path.stat().st_size / 1024:.1f} KiB; the guest halted with status -7\n"
        )

    def test_incomplete_is_not_damaged(self, make_trace: MakeTrace, capsys: Capture) -> None:
        assert main(["verify", str(make_trace(summary=None))]) == ReplayStatus.INCOMPLETE
        assert capsys.readouterr().out.startswith("sound but incomplete: 19 events, ")

    def test_damaged(self, make_trace: MakeTrace, damage: Damage, capsys: Capture) -> None:
        path = damage(make_trace(), THIRD_BLOCK)
        assert main(["verify", str(path)]) == ReplayStatus.BAD_TRACE
        assert capsys.readouterr().out.startswith(f"damaged: {path}: checksum of block 'E'")

    def test_a_damaged_header(self, make_trace: MakeTrace, damage: Damage, capsys: Capture) -> None:
        assert main(["verify", str(damage(make_trace(), b"solo5-replay 0.1.0"))]) == 4
        assert capsys.readouterr().out.startswith("damaged: ")


class TestSalvage:
    def test_damaged(
        self, make_trace: MakeTrace, damage: Damage, tmp_path: Path, capsys: Capture
    ) -> None:
        path, out = damage(make_trace(), THIRD_BLOCK), tmp_path / "out.mp"
        before = path.read_bytes()
        assert main(["salvage", str(path), "-o", str(out)]) == 0
        kept, lost = capsys.readouterr().out.splitlines()
        assert kept.startswith("kept 8 events (")
        assert kept.endswith(f" in {out}")
        assert lost.startswith("lost ")
        assert "checksum of block 'E' is wrong" in lost
        assert path.read_bytes() == before
        assert main(["verify", str(out)]) == ReplayStatus.INCOMPLETE

    def test_sound(self, make_trace: MakeTrace, tmp_path: Path, capsys: Capture) -> None:
        path, out = make_trace(), tmp_path / "out.mp"
        assert main(["salvage", str(path), "-o", str(out)]) == 0
        assert capsys.readouterr().out.endswith("lost nothing: the run is whole to its end\n")
        assert out.read_bytes() == path.read_bytes()

    def test_unfinished(self, make_trace: MakeTrace, tmp_path: Path, capsys: Capture) -> None:
        assert main(["salvage", str(make_trace(summary=None)), "-o", str(tmp_path / "o.mp")]) == 0
        assert capsys.readouterr().out.endswith("lost nothing: the trace was not finished\n")

    def test_nothing_to_keep(
        self, make_trace: MakeTrace, damage: Damage, tmp_path: Path, capsys: Capture
    ) -> None:
        path, out = damage(make_trace(), b"solo5-replay 0.1.0"), tmp_path / "out.mp"
        assert main(["salvage", str(path), "-o", str(out)]) == ReplayStatus.BAD_TRACE
        assert capsys.readouterr().out.startswith("nothing can be kept: ")
        assert not out.exists()

    def test_nothing_is_overwritten(
        self, make_trace: MakeTrace, tmp_path: Path, capsys: Capture
    ) -> None:
        out = tmp_path / "out.mp"
        out.write_text("precious")
        assert main(["salvage", str(make_trace()), "-o", str(out)]) == ReplayStatus.USAGE
        assert "never overwritten" in capsys.readouterr().err
        assert out.read_text() == "precious"

    def test_nowhere_to_write(self, make_trace: MakeTrace, tmp_path: Path, capsys: Capture) -> None:
        out = str(tmp_path / "none" / "out.mp")
        status = main(["salvage", str(make_trace()), "-o", out])
        assert status == ReplayStatus.CANNOT_REPLAY
        assert "No such file or directory" in capsys.readouterr().err


class TestDiff:
    def test_the_same_run(self, make_trace: MakeTrace, capsys: Capture) -> None:
        other = replace(make_header(), recorded_at_ns=1, host={}, created_by="another")
        pair = str(make_trace()), str(make_trace(header=other, per_block=7))
        assert main(["diff", *pair]) == 0
        assert capsys.readouterr().out == "the same run: 19 events and the ending agree\n"

    def test_another_event(self, make_trace: MakeTrace, capsys: Capture) -> None:
        events = list(EVERY_KIND)
        events[3] = (WALL_CLOCK, ClockReading(5))
        left, right = make_trace(), make_trace(events)
        assert main(["diff", str(left), str(right)]) == ReplayStatus.DIVERGED
        assert capsys.readouterr().out.splitlines() == [
            "first difference: event 3, and all before agree",
            f"  {left}  #3 ReadTsc() = 3000000",
            f"  {right}  #3 WallClock() = 0.000000005",
        ]

    def test_a_shorter_one(self, make_trace: MakeTrace, capsys: Capture) -> None:
        left, right = make_trace(EVERY_KIND[:5], summary=None), make_trace()
        assert main(["diff", str(left), str(right)]) == ReplayStatus.DIVERGED
        first, ours, theirs = capsys.readouterr().out.splitlines()
        assert first == "first difference: event 5, and all before agree"
        assert ours.endswith(
            "(no more events; how the run ended: not known, the recorder was killed)"
        )
        assert "#5 BlockWrite(" in theirs

    def test_another_header(self, make_trace: MakeTrace, capsys: Capture) -> None:
        other = make_header(command_line=b"one \x1b[2J")
        pair = str(make_trace()), str(make_trace(header=other))
        assert main(["diff", *pair]) == ReplayStatus.DIVERGED
        shown = capsys.readouterr().out
        assert shown.startswith("first difference: header boot.command_line\n")
        assert "\x1b" not in shown

    def test_another_end(self, make_trace: MakeTrace, capsys: Capture) -> None:
        pair = str(make_trace()), str(make_trace(summary=replace(HALTED, status=1)))
        assert main(["diff", *pair]) == ReplayStatus.DIVERGED
        assert capsys.readouterr().out.startswith("first difference: outcome status\n")

    def test_damage_is_status_4(
        self, make_trace: MakeTrace, damage: Damage, capsys: Capture
    ) -> None:
        left, right = make_trace(), damage(make_trace(), THIRD_BLOCK)
        assert main(["diff", str(left), str(right)]) == ReplayStatus.BAD_TRACE
        assert str(right) in capsys.readouterr().err


def test_ctrl_c_is_status_130(make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("traces.verify.verify", stopped)
    assert main(["verify", str(make_trace())]) == ReplayStatus.INTERRUPTED


def test_files_stay_as_they_are(make_trace: MakeTrace) -> None:
    path = make_trace()
    before = path.read_bytes()
    for command in ("info", "dump", "stats", "verify"):
        main([command, str(path)])
    assert path.read_bytes() == before
    with open_trace(path) as trace:
        assert trace.complete


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
