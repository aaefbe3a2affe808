"""One recording from boot to end: a machine, a source and a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from replay.engines.errors import NotReproducible
from replay.machine.ending import Ending, Halted, Misused, Paused, Reached, Stopped
from replay.machine.errors import DeviceFailure
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine
from replay.machine.ports import Observer, Source
from replay.recorder.cadence import DigestCadence
from replay.recorder.lane import recording_lane
from replay.recorder.source import LossReport, Recording, ignore_loss
from traces.errors import TraceWriteError
from traces.header import Header
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording goes to disk: at least every ``flush_interval_s`` by ``clock`` (both in
    seconds), which is the most that a killed recorder can lose; ``None``: by size alone.

    ``on_loss`` is told when the trace cannot be written any more, while the guest goes on.
    """

    flush_interval_s: float | None
    clock: Callable[[], float]
    on_loss: LossReport = ignore_loss


LIVE_PACE = Pace(0.05, time.monotonic)
REPRODUCIBLE_PACE = Pace(None, lambda: 0.0)
"""Under this pace equal runs give equal files."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a recording; ``failure`` is what cut the run short, if anything did.

    ``loss`` is why the trace ends before the run did; ``events`` counts all crossings of the run.
    """

    ending: Ending | None
    failure: DeviceFailure | NotReproducible | None
    events: int
    loss: TraceWriteError | None = None


def record(  # noqa: PLR0913 (each is a choice of its own)
    machine: Machine,
    source: Source,
    path: Path,
    header: Header,
    *,
    pace: Pace = LIVE_PACE,
    observers: Sequence[Observer] = (),
    drive: Callable[[Interposer], Ending] = Interposer.run,
) -> Recorded:
    """Run ``machine`` to its end with every crossing written to a new trace at ``path``.

    ``drive`` lets the guest run to its end, or to where it is to stop.

    Raises ``traces.errors.TraceError`` when there is no place for a trace at all. A trace that
    cannot be continued stays readable as far as it goes (``Recorded.loss``).
    """
    guest = machine.plan.guest if header.guest.embedded else None
    with TraceWriter(
        path, header, guest, flush_interval_s=pace.flush_interval_s, clock=pace.clock
    ) as writer:
        recording = Recording(source, writer, pace.on_loss)
        cadence = DigestCadence(machine, writer)
        lane = recording_lane(machine, source, recording, writer, pace.flush_interval_s)
        interposer = Interposer(machine, recording, (cadence, *observers), lane)
        with lane or nullcontext():
            ending, failure = _run(interposer, drive)
        if isinstance(ending, Halted | Misused):
            cadence.take(interposer.events - 1)
        summary = _summary(ending, failure, recording.console_bytes)
        detail = "; ".join([summary.detail] * bool(summary.detail) + machine.notes)
        loss = recording.loss or _finish(writer, replace(summary, detail=detail), pace.on_loss)
    return Recorded(ending, failure, interposer.events, loss)


def _finish(writer: TraceWriter, summary: Summary, on_loss: LossReport) -> TraceWriteError | None:
    try:
        writer.finish(summary)
    except TraceWriteError as error:
        on_loss(error)
        return error
    return None


def _run(
    interposer: Interposer, drive: Callable[[Interposer], Ending]
) -> tuple[Ending | None, DeviceFailure | NotReproducible | None]:
    try:
        return drive(interposer), None
    except (DeviceFailure, NotReproducible) as failure:
        return None, failure


def _summary(
    ending: Ending | None, failure: DeviceFailure | NotReproducible | None, console_bytes: int
) -> Summary:
    match ending:
        case Halted():
            return Summary(Outcome.HALTED, status=ending.status, console_bytes=console_bytes)
        case Misused():
            detail = ending.detail
            return Summary(Outcome.MISUSE, status=1, console_bytes=console_bytes, detail=detail)
        case Stopped() | Reached() | Paused():
            return Summary(Outcome.INTERRUPTED, console_bytes=console_bytes)
        case None:
            refused = isinstance(failure, NotReproducible)
            outcome = Outcome.REFUSED if refused else Outcome.HOST_FAILURE
            return Summary(outcome, console_bytes=console_bytes, detail=str(failure))
    assert_never(ending)
