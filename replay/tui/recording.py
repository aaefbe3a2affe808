"""What is known of a whole recording while the guest stands anywhere in it.

Two things are found out in the background: kinds and times of all events, by a scan of the file,
and what only a replay knows (console text, what was sent and written, the verdict), by a survey.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from replay.export.event_lines import EventLines
from replay.export.words import one_line
from replay.machine.position import Position
from replay.player.given_log import GivenLog
from replay.player.notebook import BadNotebook, Notebook, load_notebook, notebook_path
from replay.player.places import Places
from replay.player.session import Changes
from replay.player.survey import Survey
from replay.player.verdict import Verdict
from replay.tui.model.event_lists import EventList, Events, EventsOfKinds
from replay.tui.model.follower import Follower, Sighting
from replay.tui.model.rows import Line, Role, Span
from replay.tui.model.status import time_text
from traces.columns import ALL_KINDS, EventColumns, kinds_named, scan
from traces.errors import DamagedTrace
from traces.events import Event
from traces.given import FrameEvents
from traces.lookup import EventLookup
from traces.reader import Trace

_NET = kinds_named(("NetRead", "NetWrite"))


class Times(enum.Enum):
    """Which time of an event is shown."""

    RELATIVE = "since the start"
    WALL = "of the day"


class Recording:
    """One trace, with what is known of it. Everything but the scan is the screen's thread's."""

    def __init__(self, trace: Trace, *, changes: Changes | None = None) -> None:
        self.trace = trace
        self.was_incomplete = not trace.complete
        """Whether it could become longer when it was opened."""
        self.path = Path(trace.path)
        self.lines = EventLines(trace.header)
        self.columns = EventColumns()
        self.given = GivenLog()
        self.frames = EventList()
        """All events that moved a frame."""
        self._frame_events = FrameEvents(trace)
        self._lookup = EventLookup(trace, self.columns)
        self.times = Times.RELATIVE
        self.notebook, self.notebook_trouble = _notebook(notebook_path(self.path))
        self.places = Places(Position(0), Position(trace.event_count))
        self.places.bookmarks = lambda: self.notebook.bookmarks
        self.follower = Follower(sighting(trace, written=trace.being_written), following=False)
        """What is known of the recorder, and whether the guest on the screen goes along."""
        self._changes = changes
        self._survey: Survey | None = None
        self._scanner: threading.Thread | None = None
        self._closing = False
        self._news = threading.Event()

    # ---- in the background

    def begin(self, *, survey: bool = True, follow: bool = False) -> None:
        """Begin to find out what there is."""
        self.scan()
        if survey:
            self._survey = Survey(
                self.path,
                self.given,
                changes=self._changes,
                follow=follow,
                told=self._news.set,
            )

    def scan(self) -> bool:
        """Scan what has not been scanned yet; it goes on alone. False where it goes on already, and
        will not come to what has been added to the trace since it began."""
        if self._scanner is not None and self._scanner.is_alive():
            return False
        self._scanner = threading.Thread(target=self._scan, name="scan", daemon=True)
        self._scanner.start()
        return True

    def grow(self) -> None:
        """The trace has become longer, or is complete now."""
        self.places.move_end(Position(self.trace.event_count))
        self._news.set()

    def _scan(self) -> None:
        for chunk in scan(self.trace, self.columns.mark):
            if self._closing:
                return
            self.columns.extend(chunk)
            self._news.set()
        if self.columns.count(_NET):
            self._find_frames()

    def _find_frames(self) -> None:
        """Which events moved a frame, and were not only asked for one."""
        with contextlib.suppress(DamagedTrace):
            for events in self._frame_events:
                if self._closing:
                    return
                self.frames.extend(events)
                self._news.set()

    # ---- single events

    def event(self, index: int) -> Event | None:
        """An event as recorded; ``None`` where it cannot be read."""
        found = self._lookup.event(index)
        return found if isinstance(found, Event) else None

    def event_time_ns(self, index: int) -> int | None:
        """The guest's time when an event was over; ``None`` where it is not known yet."""
        columns = self.columns
        return columns.time_ns(index) if 0 <= index < columns.event_count else None

    def given_bytes(self, index: int) -> bytes | None:
        """All that the guest gave in an event; ``None`` where that is not known, or not whole."""
        given = self.given.given(index)
        if given is not None:
            return given.data if given.whole else None
        console = self.given.console
        begin, end = console.size_before(index), console.size_before(index + 1)
        return console.text(begin, end) if begin < end else None

    def has_news(self) -> bool:
        """Whether more is known than when this was asked last."""
        news = self._news.is_set()
        self._news.clear()
        return news

    @property
    def verdict(self) -> Verdict | None:
        """What a replay of the whole came to, once it is known."""
        return None if self._survey is None else self._survey.verdict

    @property
    def surveyed(self) -> float:
        """How much of the recording has been replayed for what it gave, from 0 to 1."""
        count = self.trace.event_count
        return min(1.0, self.given.complete_until / count) if count else 1.0

    @property
    def scanned(self) -> float:
        """How much has been scanned, from 0 to 1."""
        count = self.trace.event_count
        return self.columns.event_count / count if count else 1.0

    def close(self) -> None:
        """End what goes on in the background."""
        self._closing = True
        if self._survey is not None:
            self._survey.close()
        if self._scanner is not None:
            self._scanner.join()

    # ---- times

    def switch_time(self) -> None:
        """The other kind of times."""
        self.times = Times.WALL if self.times is Times.RELATIVE else Times.RELATIVE

    def time_ns(self, event: int) -> int | None:
        """The guest's time when ``event`` is about to happen, from its first reading of a clock."""
        if not event:
            return 0
        return self.columns.time_ns(event - 1) if event <= self.columns.event_count else None

    # ---- events of a kind

    def events_named(self, names: frozenset[str]) -> Events:
        """All events of some calls; of none: all there are."""
        return EventsOfKinds(self.columns, kinds_named(names) if names else ALL_KINDS)

    @property
    def caveat(self) -> str:
        """What is to be said of a search that found nothing."""
        return "" if self.scanned >= 1 else f" (of which {self.scanned:.0%} is scanned so far)"

    # ---- places

    def place(self, text: str) -> Position:
        """The place that is meant; raises ``BadPlace``."""
        return self.places.find(text)

    def marks(self) -> Sequence[Position]:
        """Bookmarks and notes."""
        return sorted({*self.notebook.bookmarks.values(), *self.notebook.notes})

    def change_notebook(self, change: Callable[[Notebook], object]) -> None:
        """Change bookmarks or notes and keep them; raises ``BadNotebook`` or ``OSError``."""
        if self.notebook_trouble:
            raise BadNotebook(self.notebook_trouble)
        change(self.notebook)
        self.notebook.save(notebook_path(self.path))

    # ---- words

    def title(self) -> Line:
        """What recording this is."""
        header = self.trace.header
        summary = self.trace.summary
        guest = Span(f" · {one_line(header.guest.name)} ({header.guest.target})", Role.NAME)
        engine = Span(f" · recorded on {one_line(header.machine.engine)}", Role.DIM)
        parts = [Span(one_line(self.path.name), Role.TITLE), guest, engine]
        if self.was_incomplete:  # which matters more than the rest
            parts = [parts[0], Span(" · "), *self.follower.title(), guest, engine]
        elif summary is not None and summary.status:
            parts.append(Span(f" · the guest failed, status {summary.status & 0xFF}", Role.BAD))
        if self.columns.event_count:
            parts.append(Span(f" · {time_text(self.columns.end_ns)}", Role.DIM))
        return (*parts, *self._verdict_spans())

    def _verdict_spans(self) -> tuple[Span, ...]:
        verdict = self.verdict
        if verdict is not None:
            return (Span(f" · {one_line(str(verdict))}", Role.DIM),)
        if self._survey is None:
            return ()
        return (Span(f" · verifying {self.surveyed:.0%}", Role.DIM),)


def sighting(trace: Trace, *, written: bool) -> Sighting:
    """A look at a trace, of which it is known whether somebody wrote it just before."""
    return Sighting(trace.event_count, written, trace.complete, trace.summary)


def _notebook(path: Path) -> tuple[Notebook, str]:
    try:
        return load_notebook(path), ""
    except BadNotebook as error:
        return Notebook(), str(error)
    except OSError as error:
        return Notebook(), f"{path}: {error.strerror}"
