"""Random ways through a recording: gdb is always where a model says, with the guest's state that a
plain replay has there. ``tests/stress/gdb_sessions.py`` does it for longer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from replay.gdbstub.server import Server
from tests.gdb.driver import NotingTarget, gdb, linear_digests
from tests.gdb.random_session import Map, RandomSession

MOVES = 40


@pytest.mark.slow
def test_random_moves(serve: Callable[..., tuple[NotingTarget, Server]]) -> None:
    target, server = serve("hello")
    recording = Map(target.timeline.trace)
    session = RandomSession(recording, random.Random(6))
    gdb(server, list(session.commands(MOVES)))
    recording.close()
    assert [position for position, _ in target.notes] == session.places
    expected = linear_digests(target.timeline.trace, session.places)
    for position, digest in target.notes:
        assert digest == expected[position], f"at {position}"
