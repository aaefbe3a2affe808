"""Runs that nobody watches: recorded until one fails, kept where they are worth it, reported."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import RecordStatus
from replay.cli.messages import say
from replay.export.words import counted

if TYPE_CHECKING:
    from replay.cli.record_options import RecordOptions
    from replay.export.checked import Checked

_PROGRAM = "solo5-record"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run: ``outcome`` says how it ended (``halted``, ``misuse``, ``timeout``, ``interrupted``,
    ``device-failure``, ``not-recorded``), ``trace`` is what there is of it, ``status`` the exit
    status of a recorder that made this one run, ``chaos`` what ``--chaos`` did."""

    status: int
    outcome: str
    trace: Path | None = None
    events: int = 0
    engine: str = ""
    chaos: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """All that the report has."""

    attempt: Attempt
    runs: int
    seconds: float
    kept: tuple[Path, ...]
    check: Checked | None


def record_attempts(options: RecordOptions, record: Callable[[RecordOptions], Attempt]) -> int:
    """Record as ``options`` say, with ``record`` for each run; the last one's status."""
    started = time.monotonic()
    kept: list[Path] = []
    attempt, runs = Attempt(0, "not-recorded"), 0
    for attempt in _attempts(options, record):
        runs += 1
        if attempt.trace is not None:
            if attempt.status or options.attempts.keep_good:
                kept.append(attempt.trace)
            else:
                attempt.trace.unlink()
    check = _self_check(options, attempt)
    told = Told(attempt, runs, time.monotonic() - started, tuple(kept), check)
    _say(options, told)
    return _write_status(options, told)


def _attempts(
    options: RecordOptions, record: Callable[[RecordOptions], Attempt]
) -> Iterator[Attempt]:
    """Up to the first that failed. Where traces may be removed, nothing is said of them before."""
    quiet = options if options.attempts.keep_good else replace(options, quiet=True)
    for _ in range(options.attempts.runs or 1):
        attempt = record(quiet)
        yield attempt
        if attempt.status:
            return


def _self_check(options: RecordOptions, attempt: Attempt) -> Checked | None:
    """One replay of a failure, in a process of its own."""
    if not (options.attempts.self_check and attempt.status and attempt.trace):
        return None
    from replay.cli.check_pool import run_all
    from replay.cli.check_worker import Task, work
    from replay.cli.checking import judge

    guest = None if options.embed else options.guest
    path = os.fspath(attempt.trace)
    task = Task(path, "auto", guest=guest, again=("solo5-replay", path))
    ((_, result),) = run_all([task], work, jobs=1)
    return judge(task, result)


def _say(options: RecordOptions, told: Told) -> None:
    if told.check is not None:
        say(_PROGRAM, f"self-check: {told.check.text}")
    if options.quiet:
        return
    runs, attempt = options.attempts.runs, told.attempt
    if runs is not None and attempt.status:
        say(_PROGRAM, f"run {told.runs} of {runs} failed")
    elif runs is not None:
        say(_PROGRAM, f"{counted(told.runs, 'run')} ended well")
    if not options.attempts.keep_good:
        if attempt.chaos and told.kept:
            say(_PROGRAM, attempt.chaos)
        for path in told.kept:
            events = counted(attempt.events, "event")
            say(_PROGRAM, f"{events} in {path}; `solo5-replay {path}`")


def _write_status(options: RecordOptions, told: Told) -> int:
    path = options.attempts.status_file
    if path is not None:
        try:
            path.write_text(json.dumps(status_data(told), indent=2) + "\n")
        except OSError as error:
            say(_PROGRAM, f"{path}: {error.strerror}")
            return told.attempt.status or RecordStatus.TOOL_FAILURE
    return told.attempt.status


def status_data(told: Told) -> dict[str, object]:
    """As ``--status-json`` has it; ``trace`` is that of the last run, where it was kept."""
    attempt, check = told.attempt, told.check
    kept = [os.fspath(each) for each in told.kept]
    return {
        "status": attempt.status,
        "outcome": attempt.outcome,
        "runs": told.runs,
        "seconds": round(told.seconds, 3),
        "events": attempt.events,
        "engine": attempt.engine,
        "trace": os.fspath(attempt.trace) if attempt.trace in told.kept else None,
        "kept": kept,
        "self_check": check and {"verdict": check.kind.value, "text": check.text},
    }
