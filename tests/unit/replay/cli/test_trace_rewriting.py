from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.replay import main as replay_main
from replay.cli.trace import main
from replay.cli.trace_tools_options import REDACTABLE
from traces.reader import open_trace
from traces.rewrite import DATA_AT

Capture = pytest.CaptureFixture[str]
CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = str(CORPUS / "hello-1.0.mp")
DEVICES = str(CORPUS / "devices-1.0.mp")


def check(path: Path, *words: str) -> int:
    return replay_main([str(path), "--check", *words])


def test_all_that_can_be_redacted_is_offered() -> None:
    assert set(REDACTABLE) == set(DATA_AT)


def test_strip_and_pack(tmp_path: Path, capfd: Capture) -> None:
    small, whole, guest = (tmp_path / name for name in ("small.mp", "whole.mp", "guest"))
    assert main(["strip", HELLO, "-o", str(small)]) == 0
    assert "the guest is left out; solo5-replay takes it with --guest\n" in capfd.readouterr().err
    assert small.stat().st_size < Path(HELLO).stat().st_size / 2
    assert check(small) == ReplayStatus.CANNOT_REPLAY
    with open_trace(HELLO) as trace:
        guest.write_bytes(trace.guest() or b"")
    assert check(small, "--guest", str(guest)) == 0
    assert main(["pack", str(small), "--guest", str(guest), "-o", str(whole)]) == 0
    assert check(whole) == 0
    assert whole.read_bytes() == Path(HELLO).read_bytes()


def test_a_redacted_trace_says_that_it_cannot_be_replayed(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "red.mp"
    assert main(["strip", DEVICES, "--redact", "net,block", "-o", str(out)]) == 0
    shown = capfd.readouterr().err
    assert "net: " in shown
    assert "block: " in shown
    assert "red.mp is redacted and cannot be replayed" in shown
    assert main(["verify", str(out)]) == 0
    assert check(out) == ReplayStatus.CANNOT_REPLAY
    assert "the trace is redacted: the bytes that the guest received (block, net)" in (
        capfd.readouterr().err
    )
    assert main(["info", str(out)]) == 0
    assert "REDACTED (block, net): zeros stand for bytes, no replay" in capfd.readouterr().out
    with open_trace(out) as trace:
        assert trace.header.guest.embedded


def test_the_guest_may_go_too(tmp_path: Path) -> None:
    out = tmp_path / "red.mp"
    assert main(["strip", DEVICES, "--redact=net", "--guest-too", "-o", str(out)]) == 0
    with open_trace(out) as trace:
        assert not trace.header.guest.embedded


def test_unpack(tmp_path: Path, capfd: Capture) -> None:
    folder = tmp_path / "apart"
    assert main(["unpack", HELLO, "-o", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["hello-1.0.hvt", "hello-1.0.mp"]
    guest = str(folder / "hello-1.0.hvt")
    assert check(folder / "hello-1.0.mp", "--guest", guest) == 0
    assert main(["unpack", HELLO, "-o", str(folder)]) == ReplayStatus.USAGE
    assert "exists, and nothing is overwritten" in capfd.readouterr().err


def test_cut(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "begin.mp"
    assert main(["cut", DEVICES, "--to", "20", "-o", str(out)]) == 0
    assert "it ends before event 20 and says so" in capfd.readouterr().err
    assert check(out) == ReplayStatus.INCOMPLETE
    assert "; the trace was cut on purpose at event 20 of 44\n" in capfd.readouterr().out
    assert main(["info", str(out)]) == 0
    shown = capfd.readouterr().out
    assert "cut on purpose at event 20 of 44" in shown
    assert "options     cut_to 20" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cut", DEVICES, "--to", "44"], "cannot be cut to 44 events: it has 44"),
        (["cut", DEVICES, "--to", "0"], "cannot be cut to 0 events"),
        (["cut", DEVICES, "--to", "3+1"], "a trace is cut between events"),
        (["cut", DEVICES, "--to", "x"], "not a position"),
        (["strip", DEVICES, "--redact", "nothing"], "choose of block, net"),
        (["pack", HELLO, "--guest", DEVICES], "was not recorded of this guest"),
    ],
)
def test_wrong_usage(words: list[str], message: str, tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "out.mp"
    assert main([*words, "-o", str(out)]) == ReplayStatus.USAGE
    assert message in capfd.readouterr().err
    assert not out.exists()


def test_without_the_guest_there_is_nothing_to_pack_or_unpack(
    tmp_path: Path, capfd: Capture
) -> None:
    small = str(tmp_path / "small.mp")
    assert main(["strip", HELLO, "-o", small]) == 0
    assert main(["pack", small, "-o", f"{small}.2"]) == ReplayStatus.USAGE
    assert main(["unpack", small, "-o", f"{small}.d"]) == ReplayStatus.USAGE
    assert capfd.readouterr().err.count("does not hold its guest") == 2


def test_files_that_are_not_there(tmp_path: Path) -> None:
    out = str(tmp_path / "out.mp")
    assert main(["pack", HELLO, "--guest", "/no/such", "-o", out]) == ReplayStatus.CANNOT_REPLAY
    assert main(["strip", "/no/such.mp", "-o", out]) == ReplayStatus.BAD_TRACE
    assert main(["strip", HELLO, "-o", "/no/such/folder/x"]) == ReplayStatus.CANNOT_REPLAY
    assert main(["strip", HELLO, "-o", HELLO]) == ReplayStatus.USAGE
