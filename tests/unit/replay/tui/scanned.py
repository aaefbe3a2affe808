"""Recordings of which all is known that a scan can tell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitors.calls import Call
from replay.player.given_log import Chunk
from replay.tui.recording import Recording
from tests.unit.replay.tui.model.event_traces import write
from traces.events import RecordedResult
from traces.reader import Trace, open_trace


def scanned(trace: Trace) -> Recording:
    """The scan is over; nothing goes on in the background."""
    recording = Recording(trace)
    recording.begin(survey=False)
    assert recording._scanner is not None
    recording._scanner.join()
    return recording


@contextlib.contextmanager
def recorded(
    folder: Path, run: Sequence[tuple[Call, RecordedResult]], *, finished: bool = True
) -> Iterator[Recording]:
    """The recording of chosen events."""
    with open_trace(write(folder / "app.mp", run, finished=finished)) as trace:
        recording = scanned(trace)
        try:
            yield recording
        finally:
            recording.close()


def say(recording: Recording, **printed: str) -> None:
    """As if a survey had found what some events printed: ``e3="text"`` is event 3."""
    events = [int(name[1:]) for name in printed]
    texts = [text.encode() for text in printed.values()]
    sizes = [len(text) for text in texts]
    recording.given.add_console(Chunk(events, sizes, sizes, b"".join(texts)))
    recording.given.complete_until = recording.trace.event_count
