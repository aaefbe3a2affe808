"""Questions about the recording: where we are, what crossed the door, what was printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_command import MonitorCommand, number
from traces.events import Event

Describe = Callable[[Event], str]
"""An event as one line, with nothing in it that a terminal would obey."""

_RANGE = re.compile(r"(\d{1,18})(?:(\.\.)(\d{1,18})?)?", re.ASCII)
_EVENTS_MAX = 1000
_AROUND = 5
_NET_LINES = 20
_NET_WINDOW = 4096
_NET_WINDOWS_MAX = 64
_COUNTED_MAX = 1_000_000
_VISIBLE = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)
}


class Questions:
    """All of them, over one journey."""

    def __init__(self, journey: Journey, describe: Describe) -> None:
        self._journey = journey
        self._timeline = journey.timeline
        self._trace = journey.timeline.trace
        self._describe = describe

    def commands(self) -> Sequence[MonitorCommand]:
        """The commands that ask them."""
        return (
            MonitorCommand("when", "where the guest stands", self._when),
            MonitorCommand("events [N|N..M]", "events around here, or these", self._events, most=1),
            MonitorCommand("event N", "one event", self._event, least=1, most=1),
            MonitorCommand("console", "what the guest had printed by now", self._console),
            MonitorCommand("net", "the last frames sent and received", self._net),
            MonitorCommand(
                "why VALUE",
                "where it comes from: $REGISTER, VARIABLE, u32[…], ADDRESS SIZE",
                self._why,
                least=1,
                most=1,
                text=True,
            ),
            MonitorCommand("stats", "what was recorded up to here", self._stats),
        )

    def _when(self, _: list[str]) -> str:
        aside = ", on a diversion that began there" if self._journey.diverted else ""
        return f"{self._timeline.position} of {self._timeline.end}{aside}"

    def _events(self, words: list[str]) -> str:
        here = self._timeline.position.event
        start, end = (max(0, here - _AROUND), here + _AROUND) if not words else _range(words[0])
        lines = list(self._lines(start, min(end, start + _EVENTS_MAX)))
        if end - start > _EVENTS_MAX == len(lines):
            lines.append(f"… no more than {_EVENTS_MAX} at a time")
        return "\n".join(lines) or f"the recording has events 0 to {self._trace.event_count - 1}"

    def _lines(self, start: int, end: int) -> Iterator[str]:
        here = self._timeline.position.event
        if start >= self._trace.event_count:
            return
        for event in islice(self._trace.events(start), end - start):
            yield f"{'=>' if event.index == here else '  '} {self._describe(event)}"

    def _event(self, words: list[str]) -> str:
        return self._events([str(number(words[0]))])

    def _console(self, _: list[str]) -> str:
        text = self._timeline.console().decode("utf-8", "replace").translate(_VISIBLE)
        return text or "the guest has printed nothing yet"

    def _net(self, _: list[str]) -> str:
        found: list[str] = []
        end, windows = self._timeline.position.event, 0
        while end > 0 and len(found) < _NET_LINES and windows < _NET_WINDOWS_MAX:
            start = max(0, end - _NET_WINDOW)
            events = islice(self._trace.events(start), end - start)
            frames = [each for each in events if each.call.name in ("NetRead", "NetWrite")]
            found[:0] = [self._describe(each) for each in frames]
            end, windows = start, windows + 1
        searched = "" if end == 0 else f" since event {end}"
        return "\n".join(found[-_NET_LINES:]) or f"no frames were sent or received{searched}"

    def _why(self, words: list[str]) -> str:
        from replay.player.origin_lines import describe

        label = "" if words[0][:1].isdigit() else words[0]
        return "\n".join(describe(self._journey.origin(words[0]), label))

    def _stats(self, _: list[str]) -> str:
        here = self._timeline.position
        counted = min(here.event, _COUNTED_MAX)
        calls = Counter(each.call.name for each in islice(self._trace.events(), counted))
        lines = [f"{count:>10} {name}" for name, count in calls.most_common()]
        return "\n".join(
            (
                f"{here} of {self._timeline.end}; the first {counted} events:",
                *lines,
                f"{len(self._timeline.checkpoints())} states are kept to go back to",
            )
        )


def _range(text: str) -> tuple[int, int]:
    """``N``, ``N..M`` (with M) or ``N..``, as first and end."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Refused(f"not a range of events: {text!r} (write N, N..M, or N..)")
    first = int(match[1])
    if not match[2]:
        return first, first + 1
    return first, int(match[3]) + 1 if match[3] else first + _EVENTS_MAX
