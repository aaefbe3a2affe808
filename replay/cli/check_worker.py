"""The check of one trace, in a process of its own; see ``replay.cli.check_pool``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from monitors.errors import MonitorError
from replay.cli.divergence import call_stack
from replay.cli.stopping import Stopper
from replay.cli.verdict_text import FAILED, amount, calls_amount, how_ended
from replay.engines.errors import EngineError
from replay.export.checked import LINES_MAX, Checked, Kind, encode_checked
from replay.export.event_lines import EventLines
from replay.machine.ending import Halted, Misused, Stopped
from replay.player.errors import Divergence, GuestNeeded, StateDivergence
from replay.player.session import Changes, Replayed, ReplaySession
from replay.player.starting import start_replay
from replay.player.verdict import verdict_of_divergence, why_cut_short
from traces.errors import DamagedTrace, TraceError
from traces.reader import Trace, open_trace

EVENTS_SHOWN = 20
_CONSOLE_KEPT_BYTES = 4096
_LINE_CHARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """What to check, as the command line says it; ``guest`` is a path, ``again`` begins a command
    line that replays the trace the same way."""

    trace: str
    engine: str
    guest: str | None = None
    command_line: bytes | None = None
    calls_only: bool = False
    timeout_s: float | None = None
    again: tuple[str, ...] = ("solo5-replay",)


def work(task: Task) -> bytes:
    """See ``check_pool.Work``."""
    return encode_checked(check(task))


def check(task: Task) -> Checked:
    """Replay it to its end; whatever goes wrong is a verdict, too."""
    started = time.monotonic()
    console = _ConsoleEnd()
    try:
        found = _check(task, console)
    except TraceError as error:
        look = shlex.join(["solo5-trace", "verify", task.trace])
        found = Checked(task.trace, Kind.BAD_TRACE, str(error), command=look)
    except (EngineError, GuestNeeded, MonitorError) as error:
        found = Checked(task.trace, Kind.CANNOT_REPLAY, f"cannot be replayed here: {error}")
    except OSError as error:
        why = f"{error.filename or 'this host'}: {error.strerror}"
        found = Checked(task.trace, Kind.CANNOT_REPLAY, why)
    except MemoryError:
        found = Checked(task.trace, Kind.CANNOT_REPLAY, "there is not enough memory")
    except Exception as error:  # one defect must not hide the verdicts on all other traces
        why = f"a defect of solo5-replay: {type(error).__name__}: {error}"
        found = Checked(task.trace, Kind.CANNOT_REPLAY, why)
    return replace(found, seconds=round(time.monotonic() - started, 3))


@dataclass(slots=True)
class _ConsoleEnd:
    """The last of what the guest printed."""

    kept: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.kept += data
        del self.kept[:-_CONSOLE_KEPT_BYTES]

    def lines(self) -> tuple[str, ...]:
        return tuple(bytes(self.kept).decode("utf-8", "backslashreplace").splitlines())


def _check(task: Task, console: _ConsoleEnd) -> Checked:
    guest = Path(task.guest).read_bytes() if task.guest else None
    changes = Changes(guest, task.command_line, calls_only=task.calls_only)
    with open_trace(task.trace) as trace:
        session, choice = start_replay(trace, task.engine, changes=changes, console=console.write)
        try:
            found = _run(task, session, console)
        finally:
            session.close()
    return replace(found, engine=choice.name)


def _run(task: Task, session: ReplaySession, console: _ConsoleEnd) -> Checked:
    stopper = Stopper(task.timeout_s)
    try:
        with stopper.watching(session.machine):
            replayed = session.run()
        found = _verdict(task, session, replayed, stopper)
    except (Divergence, StateDivergence) as error:
        found = _diverged(task, session, error)
    except DamagedTrace as error:
        error.locate(task.trace)
        text = f"{error} (all before event {session.position.event} agrees)"
        look = shlex.join(["solo5-trace", "verify", task.trace])
        found = Checked(task.trace, Kind.BAD_TRACE, text, session.position.event, command=look)
    return found if found.good else _with_circumstances(found, session, console)


def _verdict(task: Task, session: ReplaySession, replayed: Replayed, stopper: Stopper) -> Checked:
    events, digests = replayed.position.event, replayed.digests_verified
    head, much = _basis(task, replayed)
    match replayed.ending:
        case Stopped():
            kind = Kind.TIMEOUT if stopper.timed_out else Kind.INTERRUPTED
            text = f"{stopper.reason}, at position {replayed.position}"
            return Checked(task.trace, kind, text, events, digests)
        case Halted() | Misused() as ending:
            status: int = ending.process_status
            good = Kind.COMPATIBLE if task.calls_only else Kind.FAITHFUL
            text = f"{head}{FAILED if status else ''}: {much}; {how_ended(ending)}"
            command = shlex.join([*task.again, "--gdb", "-e"]) if status else ""
            kind = Kind.FAILED if status else good
            return Checked(task.trace, kind, text, events, digests, status, command=command)
    text = f"{head} so far: {much}; {why_cut_short(session.trace)}"
    command = shlex.join([*task.again, "--gdb", "-e"])
    return Checked(task.trace, Kind.INCOMPLETE, text, events, digests, command=command)


def _basis(task: Task, replayed: Replayed) -> tuple[str, str]:
    if task.calls_only:
        return "input-compatible", calls_amount(replayed)
    return "faithful", amount(replayed)


def _diverged(task: Task, session: ReplaySession, error: Divergence | StateDivergence) -> Checked:
    found = verdict_of_divergence(error)
    text = f"not input-compatible: {found}" if task.calls_only else str(found)
    command = shlex.join([*task.again, "--until", str(found.event)])
    return Checked(task.trace, Kind.DIVERGED, text, session.position.event, command=command)


def _with_circumstances(found: Checked, session: ReplaySession, console: _ConsoleEnd) -> Checked:
    places = call_stack(session)[:LINES_MAX]
    return replace(
        found,
        console=console.lines(),
        last_events=tuple(_last_events(session.trace, found.events)),
        backtrace=tuple(map(str, places)),
        sources=tuple(f"{each.path}:{each.line}" for each in places if each.path),
    )


def _last_events(trace: Trace, end: int) -> Iterator[str]:
    """Up to the one that was not reached, which is where a replay has diverged."""
    lines = EventLines(trace.header)
    first = max(0, end - EVENTS_SHOWN + 1)
    try:
        for event in islice(trace.events(first), end - first + 1):
            yield lines.line(event)[:_LINE_CHARS_MAX]
    except DamagedTrace:
        return
