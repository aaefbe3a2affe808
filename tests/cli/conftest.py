"""The programs as a person uses them: in processes of their own, on pipes and on terminals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from replay.testing.cases import GuestShelf
from replay.toolchain.programs import find_program

Guest = Callable[..., str]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> GuestShelf:
    """All guest programs, built when they are needed."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    return GuestShelf(tmp_path_factory.mktemp("guests"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def guest(here: Path, shelf: GuestShelf) -> Guest:
    """A function that puts a program into the current folder and gives its file's name."""

    def put(program: str, target: str = "hvt") -> str:
        path = here / f"{program}.{target}"
        path.write_bytes(shelf.guest(find_program(program), target))
        return path.name

    return put
