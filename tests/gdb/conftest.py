"""Fixtures of the suite that drives the real gdb."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from replay.gdbstub.server import Server
from tests.gdb.driver import NotingTarget, served
from tests.gdb.recordings import Recordings
from traces.reader import open_trace

Serve = Callable[..., tuple[NotingTarget, Server]]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Recordings, made when they are needed."""
    for program, package in (("gdb", "gdb"), ("gcc", "gcc binutils")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
    return Recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture
def serve(recordings: Recordings, tmp_path: Path) -> Iterator[Serve]:
    """A function that serves a program's recording."""
    with ExitStack() as stack:

        def start(
            name: str, case: str = "", target: str = "hvt", *, tcp: bool = False
        ) -> tuple[NotingTarget, Server]:
            trace = stack.enter_context(open_trace(recordings.trace(name, case, target)))
            return stack.enter_context(served(trace, None if tcp else tmp_path))

        yield start
