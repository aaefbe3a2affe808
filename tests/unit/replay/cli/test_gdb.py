"""How debugging is asked for, and how gdb is started; the real gdb has a suite of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from replay.cli import gdb as cli_gdb
from replay.cli.gdb import gdb_command
from replay.cli.replay import main
from replay.gdbstub.server import Address
from replay.player import timeline
from tests.unit.replay.gdbstub.fakes import FakeRecording

ROOT = Path(__file__).parents[4]
HELLO = str(ROOT / "traces" / "corpus" / "hello-1.0.mp")


def test_gdb_is_started_connected_and_with_our_commands() -> None:
    words = gdb_command(Address(path="/a/b"))
    assert words[0] == "gdb"
    assert "set auto-load off" in words
    assert words[-1] == "target extended-remote /a/b"
    (script,) = (word.removeprefix("source ") for word in words if word.startswith("source "))
    assert Path(script).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-e"], "want --gdb or --tui, too"),
        (["-g", "5"], "want --gdb or --tui, too"),
        (["--once"], "wants --gdb, too"),
        (["--keep-checkpoints"], "want --gdb or --tui, too"),
        (["--gdb", "--checkpoint-memory", "0"], "not a number of MiB"),
        (["--gdb", "-e", "-g", "5"], "not allowed with"),
        (["--gdb", "--check"], "--gdb goes with none of"),
        (["--gdb", "1", "--until", "3"], "--gdb goes with none of"),
    ],
)
def test_options_that_cannot_be_meant_together(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([HELLO, *words]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([HELLO, "--gdb", "65536"]) == 2
    assert "there is no port 65536" in capsys.readouterr().err


def test_a_path_that_cannot_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([HELLO, "--gdb", str(tmp_path / "no" / "socket")]) == 2
    assert "cannot listen at" in capsys.readouterr().err


def test_a_place_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([HELLO, "--gdb", "0", "-g", "10000"]) == 2
    assert "position 10000" in capsys.readouterr().err


def test_without_gdb_there_is_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main([HELLO, "--gdb"]) == 125
    assert "gdb is not installed: apt-get install gdb" in capsys.readouterr().err


def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> Path:
    """Let a shell script take gdb's place; where it may write."""
    program, out = tmp_path / "gdb", tmp_path / "out"
    program.write_text(f"#!/bin/sh\nexec > {out}\n{script}\n")
    program.chmod(0o755)

    def command(address: Address) -> Sequence[str]:
        return [str(program), str(address)]

    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    monkeypatch.setattr(cli_gdb, "gdb_command", command)
    return out


def test_it_lasts_as_long_as_gdb_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = started(monkeypatch, tmp_path, 'ls -l "$1"; echo "$1"')
    assert main([HELLO, "--gdb"]) == 0
    listing, address = out.read_text().splitlines()
    assert listing.startswith("srw-------")
    assert not Path(address).parent.exists()


def test_checkpoints_are_bounded_and_kept_beside_the_trace_on_demand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started(monkeypatch, tmp_path, "exit 0")
    asked: list[tuple[int, Path | None]] = []

    class Noting(timeline.Timeline):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            asked.append((options["checkpoint_memory"], options["kept"]))
            super().__init__(*arguments, **{**options, "kept": None})

    monkeypatch.setattr(timeline, "Timeline", Noting)
    assert main([HELLO, "--gdb", "--checkpoint-memory", "64"]) == 0
    assert main([HELLO, "--gdb", "--keep-checkpoints"]) == 0
    assert asked == [(64 << 20, None), (512 << 20, Path(f"{HELLO}.checkpoints"))]


def test_gdb_can_be_interrupted_and_this_program_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = started(monkeypatch, tmp_path, "kill -INT $PPID; echo still here; kill -INT $$")
    assert main([HELLO, "--gdb", "-e"]) == 125
    assert out.read_text() == "still here\n"


@pytest.mark.parametrize("where", [":0", "localhost:0", "127.0.0.1:0"])
def test_a_port_may_be_written_as_gdb_writes_it(where: str) -> None:
    with cli_gdb.listening(FakeRecording(), where, "test") as server:
        assert server.address.port
        assert not server.address.path


def test_a_place_behind_a_divergence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([HELLO, "--gdb", "0", "-e", "--args", "other"]) == 3
    assert "without -e and -g, debugging begins at the start" in capsys.readouterr().err
