"""``solo5-replay --check`` for many traces: replayed side by side, each in a process of its own.

The verdicts are reported to people, programs and CI services.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from replay.cli.check_bar import Bar
from replay.cli.check_pool import Died, Late, Result, processors, run_all
from replay.cli.check_reports import report_to_services
from replay.cli.check_worker import Task, work
from replay.cli.exit_codes import WORST_FIRST, ReplayStatus
from replay.cli.messages import say
from replay.cli.replay_options import PROGRAM
from replay.export.checked import BadReport, Checked, Kind, checked_data, decode_checked
from replay.export.ci_text import defused
from replay.export.junit import junit_xml
from replay.export.words import counted, one_line

STATUS_OF: Mapping[Kind, ReplayStatus] = {
    Kind.FAITHFUL: ReplayStatus.FAITHFUL,
    Kind.COMPATIBLE: ReplayStatus.FAITHFUL,
    Kind.FAILED: ReplayStatus.GUEST_FAILED,
    Kind.INCOMPLETE: ReplayStatus.INCOMPLETE,
    Kind.DIVERGED: ReplayStatus.DIVERGED,
    Kind.BAD_TRACE: ReplayStatus.BAD_TRACE,
    Kind.CANNOT_REPLAY: ReplayStatus.CANNOT_REPLAY,
    Kind.TIMEOUT: ReplayStatus.TIMEOUT,
    Kind.INTERRUPTED: ReplayStatus.INTERRUPTED,
}
_GRACE_S = 10.0
"""How long a replay may take to stop by itself when its time has passed, before it is killed."""

_COMMANDS_SHOWN = 10


def check_all(given: argparse.Namespace) -> int:
    """Check what the command line names; the worst status."""
    tasks = _tasks(given)
    if not tasks:
        say(PROGRAM, f"there is no trace (*.mp) in {shlex.join(given.traces)}")
        return ReplayStatus.USAGE
    started = time.monotonic()
    jobs = min(given.jobs or processors(), len(tasks))
    found = _run(given, tasks, jobs)
    seconds = time.monotonic() - started
    sys.stdout.flush()
    _say_summary(given, found, f"in {seconds:.1f} s, {jobs} at a time")
    status = worst(STATUS_OF[each.kind] for each in found)
    try:
        if given.junit is not None:
            given.junit.write_bytes(junit_xml(found, seconds))
        report_to_services(found)
    except OSError as error:
        say(PROGRAM, f"{error.filename or 'a report'}: {error.strerror}")
        return worst([status, ReplayStatus.CANNOT_REPLAY])
    return status


def worst(statuses: Iterator[ReplayStatus] | Sequence[ReplayStatus]) -> ReplayStatus:
    """The one that stands first in the table of exit codes."""
    return min(statuses, key=WORST_FIRST.index)


def find_traces(names: Sequence[str]) -> list[str]:
    """Files as they are named, and of folders all ``*.mp`` in them, at any depth; each once."""
    found: dict[str, None] = {}
    for name in names:
        if Path(name).is_dir():
            inside = (each for each in Path(name).rglob("*.mp") if not each.is_dir())
            found |= dict.fromkeys(sorted(map(str, inside)))
        else:
            found[name] = None
    return list(found)


def judge(task: Task, result: Result) -> Checked:
    """What a process has sent, or what became of it."""
    match result:
        case Late():
            text = f"the time limit of {task.timeout_s:g} s has passed; the replay hung"
            return Checked(task.trace, Kind.TIMEOUT, text)
        case Died(code):
            how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
            text = f"the process that replays it has ended {how}"
            return Checked(task.trace, Kind.CANNOT_REPLAY, text)
        case data:
            try:
                return replace(decode_checked(data), trace=task.trace)
            except BadReport as error:
                text = f"the process that replays it has sent nonsense ({error})"
                return Checked(task.trace, Kind.CANNOT_REPLAY, text)


def _tasks(given: argparse.Namespace) -> list[Task]:
    options = [f"--engine={given.engine}"] if given.engine != "auto" else []
    options += [f"--guest={given.guest}"] if given.guest else []
    options += [f"--args={given.args}"] if given.args is not None else []
    return [
        Task(
            trace,
            given.engine,
            given.guest,
            None if given.args is None else os.fsencode(given.args),
            calls_only=given.rebuild_ok,
            timeout_s=given.timeout,
            again=(PROGRAM, trace, *options),
        )
        for trace in find_traces(given.traces)
    ]


def _run(given: argparse.Namespace, tasks: Sequence[Task], jobs: int) -> list[Checked]:
    """All verdicts, in the order of the tasks; each is shown when it is there."""
    limit_s = None if given.timeout is None else given.timeout + _GRACE_S
    found: dict[int, Checked] = {}
    with (
        contextlib.suppress(KeyboardInterrupt),
        _terminable(),
        Bar(len(tasks)) as bar,
        contextlib.closing(run_all(tasks, work, jobs=jobs, limit_s=limit_s)) as results,
    ):
        for index, result in results:
            found[index] = judge(tasks[index], result)
            _show(given, found[index])
            bar.advance(good=found[index].good)
    for index, task in enumerate(tasks):
        if index not in found:
            why = "stopped before there was a verdict"
            found[index] = Checked(task.trace, Kind.INTERRUPTED, why)
            _show(given, found[index])
    return [found[index] for index in range(len(tasks))]


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is as good as Ctrl-C."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(given: argparse.Namespace, checked: Checked) -> None:
    if given.json:
        status = STATUS_OF[checked.kind]
        print(json.dumps({**checked_data(checked), "status": int(status)}))
    elif not (given.quiet and checked.good):
        print(defused(f"{one_line(checked.trace)}: {one_line(checked.text)}"))
    sys.stdout.flush()


def _say_summary(given: argparse.Namespace, found: Sequence[Checked], how: str) -> None:
    if given.quiet > 1:
        return
    kinds = Counter(each.kind for each in found)
    parts = ", ".join(f"{kinds[kind]} {kind.value}" for kind in STATUS_OF if kinds[kind])
    say(PROGRAM, f"{counted(len(found), 'trace')}: {parts}; {how}")
    commands = [each.command for each in found if each.command]
    for command in commands[:_COMMANDS_SHOWN]:
        say(PROGRAM, f"  {one_line(command)}")
    if len(commands) > _COMMANDS_SHOWN:
        say(PROGRAM, f"  … and {len(commands) - _COMMANDS_SHOWN} more like these")
