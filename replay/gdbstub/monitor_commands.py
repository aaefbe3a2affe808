"""What can be typed behind gdb's ``monitor``: questions about the recording, and ways through it.

Every answer is text, refusals too: gdb has no other way to show them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from replay.gdbstub.errors import Refused, StubError
from replay.gdbstub.journey import Journey
from replay.gdbstub.places import Places
from replay.player.stops import Stop, Why
from traces.errors import TraceError
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
_WATCHED_BYTES_MAX = 1 << 20
_VISIBLE = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)
}
_FLUSH = "(to gdb this is news only after `maintenance flush register-cache`)"
_STOPS = {
    Why.INTERRUPTED: "interrupted, ",
    Why.START: "the start, ",
    Why.END: "the end, ",
}


@dataclass(frozen=True, slots=True)
class _Command:
    """``usage`` shows the arguments, of which there are ``least`` to ``most``."""

    usage: str
    about: str
    action: Callable[[list[str]], str]
    least: int = 0
    most: int = 0


class MonitorCommands:
    """All commands, over one journey."""

    def __init__(self, journey: Journey, describe: Describe) -> None:
        self._journey = journey
        self._timeline = journey.timeline
        self._trace = journey.timeline.trace
        self._describe = describe
        self.places = Places(self._timeline.start, self._timeline.end)
        self._commands = self._table()

    def answer(self, line: str) -> str:
        """The answer to one line."""
        words = line.split()
        name, arguments = self._named(words) if words else ("help", [])
        command = self._commands.get(name)
        if command is None:
            return f"there is no command {words[0]!r}; `monitor help` lists them"
        if not command.least <= len(arguments) <= command.most:
            return f"usage: monitor {command.usage}"
        try:
            return command.action(arguments)
        except (StubError, TraceError) as refusal:
            return str(refusal)

    def _named(self, words: list[str]) -> tuple[str, list[str]]:
        """A command's name of two words or one, and its arguments."""
        both = " ".join(words[:2])
        return (both, words[2:]) if both in self._commands else (words[0], words[1:])

    def _table(self) -> Mapping[str, _Command]:
        commands = (
            _Command("help [COMMAND]", "this list, or one of it", self._help, most=2),
            _Command("when", "where the guest stands", self._when),
            _Command("events [N | N..M]", "events around here, or these", self._events, most=1),
            _Command("event N", "one event", self._event, least=1, most=1),
            _Command("seek PLACE", "go to EVENT, EVENT+INSTRUCTIONS, start, end, or cN",
                     self._seek, least=1, most=1),
            _Command("checkpoint", "keep this place under a number", self._checkpoint),
            _Command("info checkpoints", "list them", self._info_checkpoints),
            _Command("delete checkpoint N", "forget one", self._delete, least=1, most=1),
            _Command("restart [N]", "go to the start, or to checkpoint N", self._restart, most=1),
            _Command("last-write ADDRESS SIZE", "go to before the last write to some memory",
                     self._last_write, least=2, most=2),
            _Command("console", "what the guest had printed by now", self._console),
            _Command("net", "the last frames sent and received", self._net),
            _Command("stats", "what the recording holds, by now and in all", self._stats),
        )  # fmt: skip
        return {re.split(r" [\[A-Z]", command.usage)[0]: command for command in commands}

    def _help(self, words: list[str]) -> str:
        name = " ".join(words)
        if not name:
            width = max(len(command.usage) for command in self._commands.values())
            return "\n".join(
                f"monitor {command.usage:{width}}  {command.about}"
                for command in self._commands.values()
            )
        command = self._commands.get(name)
        if command is None:
            raise Refused(f"there is no command {name!r}; `monitor help` lists them")
        return f"monitor {command.usage}: {command.about}"

    # ---- questions

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
        return self._events([str(_number(words[0]))])

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

    # ---- ways

    def _seek(self, words: list[str]) -> str:
        return _arrival(self._journey.seek(self.places.find(words[0])))

    def _restart(self, words: list[str]) -> str:
        place = f"c{words[0].removeprefix('c')}" if words else "start"
        return _arrival(self._journey.seek(self.places.find(place)))

    def _last_write(self, words: list[str]) -> str:
        address, size = _number(words[0]), _number(words[1])
        if not 0 < size <= _WATCHED_BYTES_MAX:
            raise Refused(f"a size is from 1 to {_WATCHED_BYTES_MAX} bytes")
        stop = self._journey.last_write(address, size)
        if stop is None:
            return f"nothing was written to {address:#x} before here"
        return _arrival(stop)

    # ---- checkpoints

    def _checkpoint(self, _: list[str]) -> str:
        position = self._timeline.position
        return f"checkpoint {self.places.keep(position)} at {position}"

    def _info_checkpoints(self, _: list[str]) -> str:
        lines = (f"{number:>4} at {where}" for number, where in self.places.kept.items())
        return "\n".join(lines) or "no checkpoints"

    def _delete(self, words: list[str]) -> str:
        number = _number(words[0].removeprefix("c"))
        self.places.forget(number)
        return f"checkpoint {number} is forgotten"


def _arrival(stop: Stop) -> str:
    return f"{_STOPS.get(stop.why, '')}at {stop.position}\n{_FLUSH}"


def _number(text: str) -> int:
    """Decimal, or hexadecimal behind ``0x``."""
    try:
        value = int(text, 0)
    except ValueError as error:
        raise Refused(f"not a number: {text!r}") from error
    if not 0 <= value < 1 << 64:
        raise Refused(f"a number out of range: {text!r}")
    return value


def _range(text: str) -> tuple[int, int]:
    """``N``, ``N..M`` (with M) or ``N..``, as first and end."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Refused(f"not a range of events: {text!r} (write N, N..M, or N..)")
    first = int(match[1])
    if not match[2]:
        return first, first + 1
    return first, int(match[3]) + 1 if match[3] else first + _EVENTS_MAX
