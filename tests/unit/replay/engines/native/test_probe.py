"""Whether there is a native engine here, and why not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from replay.engines.native.child import Child
from replay.engines.native.probe import probe


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    probe.cache_clear()
    yield
    probe.cache_clear()


def test_where_there_is_one() -> None:
    assert probe() is None


def test_a_host_that_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise BlockingIOError(11, "too many processes")

    monkeypatch.setattr(os, "posix_spawn", refuse)
    why = str(probe())
    assert "too many processes" in why
    assert "ulimit -u" in why


def test_a_host_without_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []

    def refuse(child: Child, _rules: object) -> None:
        ended.append(os.pidfd_open(child.tracee.pid))
        raise PermissionError(1, "Operation not permitted", "system call 317")

    monkeypatch.setattr(Child, "lock_down", refuse)
    assert "system call 317: Operation not permitted; allow ptrace and seccomp" in str(probe())
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(ended[0], 0)
    os.close(ended[0])
