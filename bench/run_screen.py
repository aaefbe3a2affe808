"""The whole screen with a recording: `python -m bench.run_screen TRACE`. Prints what it took, as
JSON. The widgets draw as they do in a terminal of 200 by 60, with none behind it."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from replay.machine.position import Position
from replay.player.source_files import SourceFiles
from replay.player.timeline import Timeline
from replay.tui.app import ReplayApp
from replay.tui.explorer import Explorer
from replay.tui.recording import Recording
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.rows_view import RowsView
from traces.reader import Trace, open_trace

_SIZE = (200, 60)
_FRAMES = 200
_PAGE_BYTES = 4096
_POLL_S = 0.02
_FILTERS = ("call:console", "call:clock", "call:end", "")


def resident_bytes() -> int:
    """Of this process (proc(5), statm, the second number)."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES


def draw(view: RowsView) -> None:
    """All strips that a view shows now, none of them kept from before."""
    view.invalidate()
    for y in range(view.size.height):
        view.render_line(y)


async def measure(trace: Trace) -> dict[str, object]:
    """What the screen takes, beyond a timeline of its own."""
    alone = Timeline(trace)
    alone.seek(Position(min(1000, trace.event_count)))
    player_bytes = resident_bytes()
    alone.close()
    recording = Recording(trace)
    recording.begin()
    app = ReplayApp(
        recording, lambda progress: Explorer(Timeline(trace, progress=progress), SourceFiles(()))
    )
    started = time.perf_counter()
    async with app.run_test(size=_SIZE) as pilot:
        await until(lambda: app.moment is not None)
        booted_s = time.perf_counter() - started
        await until(lambda: recording.scanned >= 1 and recording.verdict is not None)
        known_s = time.perf_counter() - started
        events = app.panes["events"]
        assert isinstance(events, EventsPane)
        app.reveal("events")
        await pilot.pause()
        jumps = frames(events)
        filters = [filtered(events, text) for text in _FILTERS * 5]
        used_bytes = resident_bytes()
    return {
        "events": trace.event_count,
        "booted_s": booted_s,
        "known_s": known_s,
        "jump_s": jumps,
        "filter_s": filters,
        "median_jump_s": median(jumps),
        "added_bytes": used_bytes - player_bytes,
    }


async def until(holds: Callable[[], bool]) -> None:
    """Wait as a screen does, which goes on meanwhile."""
    while not holds():
        await asyncio.sleep(_POLL_S)


def frames(events: EventsPane) -> list[float]:
    """Processor seconds of frames, each with the list somewhere else."""
    anywhere, taken = random.Random(1), []
    for _ in range(_FRAMES):
        row = anywhere.randrange(len(events.rows))
        started = time.thread_time()
        events.move_cursor(row)
        events.scroll_to(y=row, animate=False, force=True)
        draw(events)
        taken.append(time.thread_time() - started)
    return taken


def filtered(events: EventsPane, text: str) -> float:
    """Processor seconds until the rows of a filter are on the screen."""
    started = time.thread_time()
    events.set_filter(text)
    draw(events)
    return time.thread_time() - started


def main() -> None:
    """Measure the trace of the command line."""
    with open_trace(sys.argv[1]) as trace:
        print(json.dumps(asyncio.run(measure(trace))))


if __name__ == "__main__":
    main()
