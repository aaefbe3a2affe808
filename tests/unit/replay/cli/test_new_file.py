from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replay.cli.new_file import new_file


def test_a_file_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with new_file(path, mode=0o600) as file:
        file.write(b"one ")
        file.write(b"two")
        file.keep()
    assert path.read_bytes() == b"one two"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_kept_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with new_file(path) as file:
        file.write(b"half")
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "new"

    def make_half_of_it() -> None:
        with new_file(path) as file:
            file.keep()
            raise error

    with pytest.raises(error):
        make_half_of_it()
    assert not path.exists()


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError), new_file(path):
        pass
    assert path.read_bytes() == b"mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError), new_file(link):
        pass


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with new_file(None) as file:
        file.write(b"\xff")
    assert capfdbinary.readouterr().out == b"\xff"
    sys.stdout.write("still open")
