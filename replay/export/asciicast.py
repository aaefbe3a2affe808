"""The console as a terminal recording for asciinema players (asciicast v3: a header, then one
``[interval, code, data]`` a line; docs.asciinema.org/manual/asciicast/v3)."""

from __future__ import annotations

import codecs
import json

from replay.export.endings import ending_text, exit_status
from replay.export.exporter import Write
from replay.export.times import EventTimes, Origin
from replay.export.words import counted, one_line
from traces.events import Event
from traces.header import Header

_COLUMNS, _ROWS = 80, 24
_NS_PER_S, _NS_PER_US, _US_PER_S = 1_000_000_000, 1_000, 1_000_000
_REFUSALS = {2: "EINVAL", 3: "EUNSPEC"}  # solo5.h, SOLO5_R_*


class AsciicastExporter:
    """What the guest printed, when; markers where a call was refused and at the end.

    Line ends are what a terminal's driver makes of them, which those who record terminals see.
    """

    calls = frozenset(
        ("ConsoleWrite", "BlockRead", "BlockWrite", "NetRead", "NetWrite", "Halt", "Misuse")
    )

    def __init__(self, header: Header, times: EventTimes, write: Write) -> None:
        """Writes the header."""
        self._times = times
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._last = ""
        self._at_us = 0
        self._printed = 0
        self._refused: tuple[object, ...] = ()
        write(_text(_header(header, times)).encode() + b"\n")

    def take(self, event: Event, given: bytes | None) -> None:
        """See ``Exporter.take``."""
        if event.call.name == "ConsoleWrite":
            self._print(event.index, given or b"")
            return
        status = exit_status(event)
        if status is None:
            self._look_for_refusal(event)
            return
        self._put(event.index, "o", self._decoder.decode(b"", final=True))
        self._put(event.index, "m", f"event {event.index}: {ending_text(event)}")
        self._put(event.index, "x", str(status))

    def finish(self) -> None:
        """See ``Exporter.finish``."""

    @property
    def summary(self) -> str:
        """See ``Exporter.summary``."""
        return f"{counted(self._printed, 'byte')} of console in {self._at_us / _US_PER_S:.6f} s"

    def _print(self, event: int, data: bytes) -> None:
        self._printed += len(data)
        text = self._last + self._decoder.decode(data)
        shown = text.replace("\r\n", "\n").replace("\n", "\r\n")
        # What a line end becomes depends on the character before.
        self._last = "\r" if text.endswith("\r") else ""
        self._put(event, "o", shown.removesuffix("\r") if self._last else shown)

    def _look_for_refusal(self, event: Event) -> None:
        """Of those in a row that are alike, the first is marked."""
        refusal = _REFUSALS.get(getattr(event.result, "status", 0))
        if refusal is None:
            self._refused = ()
            return
        what = (event.call.name, dict(event.call.fields).get("handle"), refusal)
        if what != self._refused:
            self._refused = what
            self._put(event.index, "m", f"event {event.index}: {event.call.name} is {refusal}")

    def _put(self, event: int, code: str, data: str) -> None:
        if not data:
            return
        at_us = self._times.since_start(event) // _NS_PER_US
        interval = (at_us - self._at_us) / _US_PER_S
        self._at_us = at_us
        self._write(f"[{interval:.6f}, {_text(code)}, {_text(data)}]\n".encode())


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _header(header: Header, times: EventTimes) -> dict[str, object]:
    about: dict[str, object] = {"version": 3, "term": {"cols": _COLUMNS, "rows": _ROWS}}
    if times.origin is not Origin.NONE:
        about["timestamp"] = (times.date(0) - times.since_start(0)) // _NS_PER_S
    about["title"] = one_line(header.guest.name)
    line = header.boot.command_line.decode("utf-8", "replace")
    about["command"] = one_line(f"{header.guest.name} {line}".rstrip())
    return about
