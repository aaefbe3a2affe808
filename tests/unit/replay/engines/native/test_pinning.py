"""A thread and a process on one processor, and the thread's return."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from replay.engines.native.child import Child
from replay.engines.native.pinning import Pinning

ALLOWED = os.sched_getaffinity(0)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child([])
    yield made
    made.close()
    os.sched_setaffinity(0, ALLOWED)


def test_both_are_where_one_processor_is(child: Child) -> None:
    pid = child.tracee.pid
    pinning = Pinning(pid)
    try:
        assert os.sched_getaffinity(0) == os.sched_getaffinity(pid)
        assert len(os.sched_getaffinity(pid)) == 1
    finally:
        pinning.end()
    assert os.sched_getaffinity(0) == ALLOWED


def test_one_processor_is_left_alone(child: Child) -> None:
    only = {min(ALLOWED)}
    os.sched_setaffinity(0, only)
    Pinning(child.tracee.pid).end()
    assert os.sched_getaffinity(0) == only
    assert os.sched_getaffinity(child.tracee.pid) == ALLOWED
