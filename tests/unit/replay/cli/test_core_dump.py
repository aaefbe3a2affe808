"""Core files on disk: where, under which name, and what happens when that fails."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.cli.core_dump import check_core_folder, dump_core, dump_core_into
from replay.export import core
from replay.machine.machine import Machine
from tests.unit.replay.recordings import Recorder


@pytest.fixture
def machine(recorder: Recorder) -> Iterator[Machine]:
    booted = recorder.machine(recorder.plan("abort"))
    yield booted
    booted.close()


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(core, "write_core", fail)


def test_a_core_in_a_folder(
    tmp_path: Path, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cores"
    folder.mkdir()
    dump_core_into(folder, machine, b"")
    path = folder / f"core.solo5-hvt.{os.getpid()}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = capsys.readouterr().err.strip()
    assert said.endswith(
        f"of {machine.ram.size // 4096} pages of memory are in use; core in {path}"
    )


def test_nothing_is_overwritten(
    tmp_path: Path, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"core.solo5-hvt.{os.getpid()}"
    path.write_text("precious")
    dump_core_into(tmp_path, machine, b"")
    assert path.read_text() == "precious"
    assert f"warning: no core in {path}: File exists" in capsys.readouterr().err


@pytest.mark.usefixtures("no_room")
def test_a_full_disk_is_a_warning(
    tmp_path: Path, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    dump_core_into(tmp_path, machine, b"")
    assert "warning: no core in" in (said := capsys.readouterr().err)
    assert "No space left on device" in said
    assert not list(tmp_path.glob("core*"))


@pytest.mark.usefixtures("no_room")
def test_half_a_core_is_removed(tmp_path: Path, machine: Machine) -> None:
    with pytest.raises(OSError, match="No space left"):
        dump_core("solo5-replay", tmp_path / "core", machine, b"")
    assert not (tmp_path / "core").exists()


def test_folders_for_cores(tmp_path: Path) -> None:
    check_core_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        check_core_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        check_core_folder(tmp_path / "missing")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root can write anywhere but on a file system that is read-only."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError) as refused:
        check_core_folder(tmp_path)
    assert refused.value.filename == str(tmp_path)
