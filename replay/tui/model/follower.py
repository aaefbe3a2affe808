"""Following a recording while it is made: what is known of its recorder, whether the guest on the
screen goes along, and how far behind it is.

A look at the trace is a ``Sighting``; times are seconds of any clock that goes evenly.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

from replay.player.verdict import HOW_CUT
from replay.tui.model.rows import Line, Role, Span, visible
from traces.summary import Outcome, Summary

WINDOW_S = 2.0
"""What speeds are measured over."""

_SIGHTINGS_MAX = 64
_CLOSE_EVENTS = 1000
"""So many events of the last moment are no arrears."""


class Recorder(enum.Enum):
    """What is known of whoever writes the trace."""

    AT_WORK = "at work"
    UNKNOWN = "unknown"  # nobody was seen writing it, but it is not complete
    GONE = "gone"  # it was seen, and has left the trace without its end
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look at a trace has found: how many events it has, whether somebody wrote it just
    before that, and how the run ended, once the trace is complete."""

    events: int
    written: bool
    complete: bool = False
    summary: Summary | None = None


class Speed:
    """How fast a count grows, by what it was in the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=_SIGHTINGS_MAX)

    def note(self, now_s: float, count: int) -> None:
        """The count as it is now."""
        self._seen.append((now_s, count))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()

    def forget(self) -> None:
        """The count has been changed by something else."""
        self._seen.clear()

    @property
    def per_second(self) -> float:
        """The speed; 0 where it is not known yet."""
        if len(self._seen) < 2:
            return 0.0
        (begin_s, begin), (end_s, end) = self._seen[0], self._seen[-1]
        return (end - begin) / (end_s - begin_s) if end_s > begin_s else 0.0


class Follower:
    """``following``: the guest on the screen stays at the end of what is recorded; else it stands
    still, and only what is known of the recording grows."""

    def __init__(self, first: Sighting, *, following: bool) -> None:
        self.seen = first
        self.recorder = _recorder_of(first, Recorder.UNKNOWN)
        self.recorded = Speed()
        """Events that are recorded."""
        self.replayed = Speed()
        """Events that the guest on the screen makes while it follows."""
        self.position = 0
        """How many events the guest on the screen has made."""
        self.following = following and self.may_follow

    @property
    def may_follow(self) -> bool:
        """Whether there is or will be more than what was there at first."""
        return self.recorder not in (Recorder.DONE, Recorder.GONE)

    @property
    def behind(self) -> int:
        """How many recorded events the guest on the screen has not made."""
        return max(0, self.seen.events - self.position)

    def look(self, now_s: float, seen: Sighting) -> bool:
        """Take in what a look has found; whether there is anything new."""
        before, recorder = self.seen, self.recorder
        self.seen = seen
        self.recorder = _recorder_of(seen, recorder, grown=seen.events > before.events)
        self.recorded.note(now_s, seen.events)
        return (seen.events, seen.complete, self.recorder) != (
            before.events,
            before.complete,
            recorder,
        )

    def stands(self, now_s: float, position: int) -> None:
        """The guest on the screen has come to a place."""
        if position < self.position or not self.following:
            self.replayed.forget()
        self.position = position
        self.replayed.note(now_s, position)

    def follow(self) -> None:
        """The guest goes along from now on."""
        self.following = True
        self.replayed.forget()

    def pause(self) -> bool:
        """It stands still from now on; whether it did not before."""
        was, self.following = self.following, False
        return was

    def rest(self) -> bool:
        """The guest has come to the end of what there is: whether it followed till now, and there
        is nothing to follow any more."""
        return not self.may_follow and self.pause()

    # ---- words

    def title(self) -> Line:
        """What is to be said of the recorder, and whether the guest goes along."""
        line = self._of_recorder()
        if self.following and self.may_follow:
            return (*line, Span(" · following", Role.TITLE))
        return (*line, Span(" · paused", Role.TITLE)) if self._is_growing else line

    def standing(self) -> str:
        """How far the guest is behind, where it follows and cannot keep up."""
        if not self.following:
            return ""
        if self.behind <= _CLOSE_EVENTS:
            return "following"
        return f"following, {self.behind:,} events behind{self._until_there()}"

    def states(self) -> dict[str, str]:
        """The same at length, by titles."""
        states = {"recorder": "".join(span.text for span in self._of_recorder())}
        if self.following:
            speed = f", replaying {self.replayed.per_second:,.0f} events/s"
            behind = f"{self.behind:,} events behind{self._until_there()}"
            states["following"] = (behind if self.behind else "at the end") + speed
        elif self._is_growing:
            states["paused"] = f"{self.behind:,} events behind; Space follows"
        return states

    def _until_there(self) -> str:
        gain = self.replayed.per_second - self._growth
        if self.behind <= _CLOSE_EVENTS or not self.replayed.per_second:
            return ""
        if gain <= 0:
            return ", and cannot keep up"
        return f", there in about {max(1, round(self.behind / gain)):,} s"

    @property
    def _is_growing(self) -> bool:
        return self.recorder is Recorder.AT_WORK or (
            self.may_follow and self.recorded.per_second > 0
        )

    @property
    def _growth(self) -> float:
        return self.recorded.per_second if self.may_follow else 0.0

    def _of_recorder(self) -> Line:
        match self.recorder:
            case Recorder.AT_WORK:
                return (
                    Span("● recording", Role.BAD),
                    Span(f" {self.recorded.per_second:,.0f} events/s", Role.NUMBER),
                )
            case Recorder.UNKNOWN:
                return (Span("incomplete, nobody is seen writing it", Role.WARNING),)
            case Recorder.GONE:
                return (Span("incomplete: the recorder was killed", Role.WARNING),)
            case Recorder.DONE:
                return _ending(self.seen.summary)


def _recorder_of(seen: Sighting, before: Recorder, *, grown: bool = False) -> Recorder:
    if seen.complete:
        return Recorder.DONE
    if seen.written:
        return Recorder.AT_WORK
    if grown:  # its last words, or it is written where locks are not seen
        return before if before is Recorder.AT_WORK else Recorder.UNKNOWN
    return Recorder.GONE if before is Recorder.AT_WORK else before


def _ending(summary: Summary | None) -> Line:
    """How the run ended."""
    if summary is None:
        return (Span("finished"),)
    detail = f": {visible(summary.detail)}" if summary.detail else ""
    match summary.outcome:
        case Outcome.HALTED:
            status = summary.status & 0xFF
            role = Role.BAD if status else Role.GOOD
            return (Span(f"finished: the guest exited with status {status}", role),)
        case Outcome.MISUSE:
            return (Span(f"finished: the guest was ended{detail}", Role.BAD),)
        case outcome:
            return (Span(f"finished: {HOW_CUT[outcome]}{detail}", Role.WARNING),)
