from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus
from replay.cli.exit_codes import ReplayStatus
from replay.cli.trace import main
from replay.cli.trace_looking import ConsoleLines, _Printed, block_bytes
from replay.engines.choice import AUTO
from replay.player.starting import start_replay
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

Capture = pytest.CaptureFixture[str]
CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = str(CORPUS / "hello-1.0.mp")
DEVICES = str(CORPUS / "devices-1.0.mp")


@pytest.fixture(scope="module")
def console() -> bytes:
    """What the guest of HELLO prints."""
    printed = bytearray()
    with open_trace(HELLO) as trace:
        session, _ = start_replay(trace, AUTO, console=printed.extend)
        session.run()
        session.close()
    return bytes(printed)


def test_cat_is_the_console(console: bytes, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["cat", HELLO]) == 0
    assert capfdbinary.readouterr() == (console, b"")


def test_cat_on_a_terminal_has_nothing_that_it_would_obey(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    printed = _Printed(0, numbered=False)
    printed.crossed(0, ConsoleWrite(b"\x1b[2Jclean\n"), DONE)
    assert capsys.readouterr().out == "\\x1b[2Jclean\n"


def test_cat_with_the_events(console: bytes, capfd: Capture) -> None:
    assert main(["cat", "--numbered", HELLO]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.partition(" | ")[2] for line in lines] == console.decode().splitlines()
    numbers = [int(line.partition(" | ")[0].removeprefix("#")) for line in lines]
    assert numbers == sorted(numbers)


def test_cat_a_part(capfd: Capture) -> None:
    assert main(["cat", DEVICES, "-n", "--from", "13", "--to", "14"]) == 0
    assert capfd.readouterr().out == "#13 | every call\n"


def test_lines_begin_where_their_first_byte_is() -> None:
    lines = ConsoleLines()
    assert list(lines.take(3, b"one")) == []
    assert list(lines.take(5, b" and\ntwo\nthr")) == [(3, b"one and"), (5, b"two")]
    assert list(lines.take(9, b"ee")) == []
    assert list(lines.rest()) == [(5, b"three")]
    assert list(lines.rest()) == []


def test_a_line_without_end_is_cut() -> None:
    lines = ConsoleLines()
    assert [len(line) for _, line in lines.take(0, b"x" * 70_000)] == [70_000]


def test_grep_finds_events_and_lines(capfd: Capture) -> None:
    assert main(["grep", "every|Halt", DEVICES]) == 0
    first, last = capfd.readouterr().out.splitlines()
    assert first == "#13 | every call"
    assert last.startswith("#43 Halt(")


def test_grep_sees_what_the_guest_gave(capfd: Capture) -> None:
    assert main(["grep", "NetWrite.*06:07:08:09:0a:0b >", DEVICES]) == 0
    assert capfd.readouterr().out.startswith("#37 NetWrite(")
    assert main(["grep", "--no-replay", "NetWrite.*06:07:08:09:0a:0b >", DEVICES]) == 1


def test_grep_one_kind(capfd: Capture) -> None:
    assert main(["grep", "--only", "console", "-i", "EVERY|halt", DEVICES]) == 0
    assert capfd.readouterr().out == "#13 | every call\n"
    assert main(["grep", "--only", "events", "every", DEVICES]) == 1
    assert main(["grep", "--no-replay", "ConsoleWrite.*crc32c", DEVICES]) == 0


def test_grep_wants_a_regular_expression(capfd: Capture) -> None:
    assert main(["grep", "(", DEVICES]) == ReplayStatus.USAGE
    assert "not a regular expression: '('" in capfd.readouterr().err


def test_extract_the_guest(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "guest"
    assert main(["extract", "guest", HELLO, "-o", str(out)]) == 0
    with open_trace(HELLO) as trace:
        assert hashlib.sha256(out.read_bytes()).digest() == trace.header.guest.sha256
    assert main(["extract", "guest", HELLO, "-o", str(out)]) == ReplayStatus.USAGE
    small = str(tmp_path / "small.mp")
    assert main(["strip", HELLO, "-o", small]) == 0
    assert main(["extract", "guest", small]) == ReplayStatus.CANNOT_REPLAY


def test_extract_the_console(console: bytes, tmp_path: Path) -> None:
    out = tmp_path / "console.txt"
    assert main(["extract", "console", HELLO, "-o", str(out)]) == 0
    assert out.read_bytes() == console


def test_extract_a_disk(recorder: Recorder, tmp_path: Path, capfd: Capture) -> None:
    path = recorder.record_case("blk").path
    out = tmp_path / "disk.img"
    assert main(["extract", "block", str(path), "--device", "storage", "-o", str(out)]) == 0
    assert "of it read or written" in capfd.readouterr().err
    with open_trace(path) as trace:
        (device,) = trace.header.boot.devices
        assert out.stat().st_size == device.capacity_bytes  # type: ignore[union-attr]
    assert any(out.read_bytes())


def test_extract_wants_one_device(tmp_path: Path, capfd: Capture) -> None:
    out = str(tmp_path / "disk.img")
    words = ["extract", "block", HELLO, "-o", out]
    assert main(words) == ReplayStatus.USAGE
    assert "the guest had: none" in capfd.readouterr().err


def test_what_a_request_shows() -> None:
    read, write = BlockRead(1, 0, 2), BlockWrite(1, 0, b"cd")
    assert block_bytes(read, BlockData(0, b"ab"), 1) == b"ab"
    assert block_bytes(write, IoStatus(0), 1) == b"cd"
    assert block_bytes(read, BlockData(2, b""), 1) is None
    assert block_bytes(write, IoStatus(2), 1) is None
    assert block_bytes(read, BlockData(0, b"ab"), 2) is None


def test_files_that_are_not_there() -> None:
    assert main(["cat", "/no/such.mp"]) == ReplayStatus.BAD_TRACE
    assert main(["cat", HELLO, "--guest", "/no/such"]) == ReplayStatus.CANNOT_REPLAY
    assert main(["extract", "console", HELLO, "-o", "/no/x"]) == ReplayStatus.CANNOT_REPLAY


def test_another_guest_is_a_divergence(recorder: Recorder, tmp_path: Path, capfd: Capture) -> None:
    guest = tmp_path / "other.hvt"
    guest.write_bytes(recorder.guest("exit"))
    assert main(["cat", HELLO, "--guest", str(guest)]) == ReplayStatus.DIVERGED
    out = tmp_path / "console.txt"
    words = ["extract", "console", HELLO, "--guest", str(guest), "-o", str(out)]
    assert main(words) == ReplayStatus.DIVERGED
    assert not out.exists()
