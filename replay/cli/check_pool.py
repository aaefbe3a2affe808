"""Work for several processes: each task has one of its own, so that what becomes of it (a crash, a
hang) is its own affair."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from replay.engines.registry import ENGINE_MODULES

RESULT_BYTES_MAX = 8 << 20
_PRELOADED = (
    "replay.cli.check_worker",
    *ENGINE_MODULES,
    "monitors.hvt.monitor",
    "monitors.spt.monitor",
    "capstone",
    "elftools.elf.elffile",
    "replay.player.frames",
    "zstandard",
)
"""All that most replays load; what is missing is loaded where it is needed, and fails there."""

Work = Callable[[Any], bytes]
"""A function of a module, which the processes import."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended without a result: ``code`` is its exit code, negative for a signal."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Late:
    """The process was ended after its time."""


Result = bytes | Died | Late


@dataclass(frozen=True, slots=True)
class _Job:
    index: int
    process: Any
    connection: Connection
    deadline: float


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def run_all(
    tasks: Sequence[object], work: Work, *, jobs: int, limit_s: float | None = None
) -> Generator[tuple[int, Result], None, None]:
    """``work(task)`` for each task, ``jobs`` at a time: the task's index and what became of it, in
    the order in which they end. Closing the iterator ends what still runs.

    The processes come from one that has everything loaded and runs no guest (a fork server), which
    saves a third of a second each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    waiting = iter(range(len(tasks)))
    running: dict[Connection, _Job] = {}

    def start_more() -> None:
        while len(running) < jobs and (index := next(waiting, None)) is not None:
            job = _start(context, work, index, tasks[index], limit_s)
            running[job.connection] = job

    try:
        start_more()
        while running:
            for job, result in _ended(running):
                del running[job.connection]
                start_more()
                yield job.index, result
    finally:
        for job in running.values():
            _end(job)


def _start(context: Any, work: Work, index: int, task: object, limit_s: float | None) -> _Job:
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, work, task), daemon=True)
    process.start()
    theirs.close()
    deadline = float("inf") if limit_s is None else time.monotonic() + limit_s
    return _Job(index, process, ours, deadline)


def _ended(running: dict[Connection, _Job]) -> list[tuple[_Job, Result]]:
    first = min(job.deadline for job in running.values())
    timeout = None if first == float("inf") else max(0.0, first - time.monotonic())
    ready = wait(list(running), timeout)
    ended = [(running[each], _result(running[each])) for each in ready]  # type: ignore[index]
    if not ready:
        now = time.monotonic()
        late = [job for job in running.values() if job.deadline <= now]
        for job in late:
            _end(job)
        ended += [(job, Late()) for job in late]
    return ended


def _result(job: _Job) -> Result:
    try:
        data = job.connection.recv_bytes(RESULT_BYTES_MAX)
    except (EOFError, OSError):
        job.process.join()
        code = job.process.exitcode
        _end(job)
        return Died(code)
    _end(job)
    return data


def _end(job: _Job) -> None:
    with contextlib.suppress(OSError):
        job.process.kill()
    job.process.join()
    job.process.close()
    job.connection.close()


def _child(connection: Connection, work: Work, task: object) -> None:
    """In a process of its own: not in reach of the terminal's Ctrl-C, silent, and gone with the one
    that wants the result."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    connection.send_bytes(work(task))


def _end_with(connection: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        connection.recv_bytes()
    os._exit(1)
