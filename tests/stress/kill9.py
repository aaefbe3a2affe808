"""kill -9 of the recorder at random moments: what was visible 50 ms before is not lost.

A guest prints the wall clock through a pipe, so that its reader knows when every line was printed.
Each try kills the recorder at a random moment and then demands of the trace that it opens, that it
is reported incomplete, that it replays faithfully to its last event, and that the replay prints
what the reader saw, up to a tail that is younger than the flush interval.

    python tests/stress/kill9.py [--tries N] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program
from traces.errors import TraceError
from traces.reader import open_trace

MODES = ("busy", "calls", "compute", "sleep")
PROMISED_MS = 50.0
SLACK_MS = 200.0
"""The most beyond that, for a recorder that has to be scheduled on a machine with other work."""

LATE_MAX = 0.1
"""Of the tries, how many may need that slack."""

_LONGEST_RUN_S = 0.8
_EARLY = 1 / 8
"""Of the tries: the time is counted from the start of the process and not from the first line."""

_FEW = 1 / 5
"""Of the tries: with a guest that may end by itself before the kill."""

_ENDLESS = 10**9
_FEW_LINES = 150
_FAITHFUL, _INCOMPLETE = 0, 5
_NS_PER_MS = 1_000_000


class Lost(Exception):
    """A try showed something that must not be; the message says what."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen of one recorder: ``killed_ns`` is the wall clock just before the kill, 0 when
    it had already ended by itself."""

    trace: Path
    seen: bytes
    killed_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to.

    ``lost_ms`` is how long before the kill the oldest line was printed that the trace lacks, 0 when
    it lacks none. ``state``: complete, incomplete, or no trace yet.
    """

    state: str
    events: int
    lost_lines: int
    lost_ms: float


def build_ticker(directory: Path) -> Path:
    """The guest that prints the time."""
    folders = find_program("hello").include_dirs()
    library = [path for folder in folders for path in sorted(folder.glob("*.[cS]"))]
    source = Path(__file__).with_name("ticker.c")
    manifest = find_program("hello").manifest
    output = directory / "ticker.hvt"
    return build_guest(
        BuildRequest("hvt", manifest, output, (source, *library), include_dirs=folders)
    )


def one_try(guest: Path, trace: Path, mode: str, draw: random.Random) -> Outcome:
    """Record, kill, examine; raises ``Lost``."""
    lines = _FEW_LINES if draw.random() < _FEW else _ENDLESS
    alive_s = draw.uniform(0, _LONGEST_RUN_S)
    from_first_line = draw.random() >= _EARLY
    run = _record_and_kill(guest, trace, [mode, str(lines)], alive_s, from_first_line)
    try:
        with open_trace(trace) as opened:
            complete, events = opened.complete, opened.event_count
            opened.guest()
    except TraceError as error:
        if run.seen:
            raise Lost(f"{trace} has no beginning, and the guest had printed: {error}") from error
        return Outcome("no trace yet", 0, 0, 0.0)
    if not complete and not run.killed_ns:
        raise Lost(f"the recorder ended by itself and {trace} is incomplete")
    replayed = _replay(trace, complete)
    return _compare(run, replayed, "complete" if complete else "incomplete", events)


def _record_and_kill(
    guest: Path, trace: Path, arguments: list[str], alive_s: float, from_first_line: bool
) -> Run:
    program = Path(sys.executable).with_name("solo5-record")
    words = ["-q", "-o", str(trace), "--mem=16", str(guest), "--solo5:quiet", *arguments]
    with subprocess.Popen([program, *words], stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        pipe = recorder.stdout.fileno()
        if from_first_line:
            select.select((pipe,), (), ())
        seen, ended = _read_for(pipe, alive_s)
        killed_ns = 0 if ended else time.clock_gettime_ns(time.CLOCK_REALTIME)
        recorder.kill()
        while data := os.read(pipe, 1 << 16):
            seen += data
    return Run(trace, bytes(seen), killed_ns)


def _read_for(pipe: int, seconds: float) -> tuple[bytearray, bool]:
    """What comes through ``pipe``, and whether it ended before the time was over."""
    seen, deadline_s = bytearray(), time.monotonic() + seconds
    while (left_s := deadline_s - time.monotonic()) > 0:
        if select.select((pipe,), (), (), left_s)[0]:
            data = os.read(pipe, 1 << 16)
            if not data:
                return seen, True
            seen += data
    return seen, False


def _replay(trace: Path, complete: bool) -> bytes:
    program = Path(sys.executable).with_name("solo5-replay")
    result = subprocess.run([program, trace], capture_output=True, check=False)
    if result.returncode != (_FAITHFUL if complete else _INCOMPLETE):
        text = result.stderr.decode(errors="replace")
        raise Lost(f"replay of {trace} ended with {result.returncode}: {text}")
    return result.stdout


def _compare(run: Run, replayed: bytes, state: str, events: int) -> Outcome:
    if not run.seen.startswith(replayed):
        raise Lost(f"the replay of {run.trace} printed what the guest had not")
    lost = run.seen[len(replayed) :].splitlines()
    if lost and state == "complete":
        raise Lost(f"{run.trace} is complete and lacks {len(lost)} lines")
    lost_ms = (run.killed_ns - int(lost[0])) / _NS_PER_MS if lost else 0.0
    if lost_ms > PROMISED_MS + SLACK_MS:
        raise Lost(f"{run.trace} lacks a line that was printed {lost_ms:.1f} ms before the kill")
    return Outcome(state, events, len(lost), lost_ms)


def tries(count: int, seed: int, directory: Path) -> list[tuple[str, Outcome]]:
    """``count`` tries with their modes, at moments that follow from ``seed``."""
    guest, draw = build_ticker(directory), random.Random(seed)
    outcomes = []
    for number in range(count):
        mode, trace = MODES[number % len(MODES)], directory / f"{number}.mp"
        outcomes.append((mode, one_try(guest, trace, mode, draw)))
        trace.unlink(missing_ok=True)
    return outcomes


def _report(outcomes: list[tuple[str, Outcome]]) -> bool:
    """Print the figures; whether few enough were late."""
    print(f"{'mode':8} tries  no trace yet  incomplete  complete  events   lost ms: median  worst")
    for mode in MODES:
        of_mode = [outcome for its_mode, outcome in outcomes if its_mode == mode]
        states = [outcome.state for outcome in of_mode]
        lost = sorted(outcome.lost_ms for outcome in of_mode) or [0.0]
        print(
            f"{mode:8} {len(of_mode):5}  {states.count('no trace yet'):12}  "
            f"{states.count('incomplete'):10}  {states.count('complete'):8}  "
            f"{sum(outcome.events for outcome in of_mode):7}  "
            f"{lost[len(lost) // 2]:15.1f}  {lost[-1]:5.1f}"
        )
    late = sum(outcome.lost_ms > PROMISED_MS for _, outcome in outcomes)
    print(f"{late} of {len(outcomes)} tries lost more than the last {PROMISED_MS:g} ms")
    return late <= LATE_MAX * len(outcomes)


def main() -> int:
    """Print the figures; status 1 when anything was lost that must not be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tries", type=int, default=80)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{arguments.tries} tries, seed {arguments.seed}")
    print(f"load {load} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="solo5-kill9-") as name:
        try:
            outcomes = tries(arguments.tries, arguments.seed, Path(name))
        except Lost as lost:
            print(f"FAILURE: {lost}")
            return 1
    return 0 if _report(outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
