"""``solo5-trace cat``, ``grep`` and ``extract``: what a guest printed, did, and left behind.

A trace has digests of what the guest gave, so that it runs again for this, verified.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.net import IoStatus
from monitors.errors import MonitorError
from monitors.manifest import AttachedBlock
from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.new_file import new_file
from replay.cli.trace_replay import given_bytes, watched_replay
from replay.engines.errors import EngineError
from replay.export.event_lines import EventLines
from replay.export.words import one_line, printable, size_text
from replay.machine.position import Position
from replay.player.errors import GuestNeeded
from replay.player.session import Changes
from traces.codec import describe
from traces.events import Event
from traces.reader import Trace, open_trace

_PROGRAM = "solo5-trace"
_LINE_BYTES_MAX = 1 << 16
_OK = 0


def look(arguments: argparse.Namespace) -> int:
    """Do what one of the commands asks for; raises ``traces.errors.TraceError``."""
    try:
        with open_trace(arguments.trace) as trace:
            return _COMMANDS[arguments.command](trace, arguments)
    except (EngineError, GuestNeeded, MonitorError) as error:
        sys.stdout.flush()
        say(_PROGRAM, f"cannot replay {arguments.trace}: {error}")
        return ReplayStatus.CANNOT_REPLAY
    except FileExistsError as error:
        say(_PROGRAM, f"{error.filename} exists, and nothing is overwritten")
        return ReplayStatus.USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        say(_PROGRAM, f"{error.filename or arguments.trace}: {error.strerror}")
        return ReplayStatus.CANNOT_REPLAY


class ConsoleLines:
    """Lines of a console that come in pieces, each with the event of its first byte."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._event = 0

    def take(self, event: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """What event number ``event`` printed; the lines that are whole now, without their ends."""
        for piece in data.splitlines(keepends=True):
            if not self._line:
                self._event = event
            self._line += piece
            if piece.endswith((b"\n", b"\r")) or len(self._line) > _LINE_BYTES_MAX:
                yield from self.rest()

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """The last line, which has no end."""
        if self._line:
            yield self._event, bytes(self._line).rstrip(b"\r\n")
            self._line.clear()


class _Printed:
    """An observer that shows the console, with the events' numbers where they are wanted."""

    def __init__(self, first: int, *, numbered: bool) -> None:
        self._first = first
        self._numbered = numbered
        self._is_terminal = sys.stdout.isatty()
        self._lines = ConsoleLines()

    def crossed(self, index: int, call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if not isinstance(call, ConsoleWrite) or index < self._first:
            return
        if not self._numbered:
            self._write(call.data)
            return
        for event, line in self._lines.take(index, call.data):
            _show_line(event, line)

    def finish(self) -> None:
        """The last line."""
        for event, line in self._lines.rest():
            _show_line(event, line)
        sys.stdout.flush()

    def _write(self, data: bytes) -> None:
        """As it is, but for a terminal, which would obey it."""
        if self._is_terminal:
            sys.stdout.write(printable(data.decode("utf-8", "backslashreplace")))
        else:
            sys.stdout.buffer.write(data)


def _cat(trace: Trace, arguments: argparse.Namespace) -> int:
    printed = _Printed(arguments.first, numbered=arguments.numbered)
    sys.stdout.flush()
    try:
        return _replay(trace, arguments, printed.crossed)
    finally:
        printed.finish()


class _Matches:
    """An observer that prints events and console lines with a match."""

    def __init__(self, trace: Trace, pattern: re.Pattern[str], only: str) -> None:
        self.count = 0
        self._events = EventLines(trace.header)
        self._console = ConsoleLines()
        self._matches = pattern.search
        self._only = only

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        self.see(Event(index, describe(call), result), given_bytes(call))
        if self._only != "events" and isinstance(call, ConsoleWrite):
            self._try(self._console.take(index, call.data))

    def see(self, event: Event, given: bytes | None = None) -> None:
        """An event, with the bytes in its call where they are known."""
        if self._only == "console" or (given is not None and event.call.name == "ConsoleWrite"):
            return  # as a line of the console
        line = self._events.line(event, given)
        if self._matches(line):
            self.count += 1
            print(line)

    def finish(self) -> None:
        """The last line."""
        self._try(self._console.rest())
        sys.stdout.flush()

    def _try(self, lines: Iterator[tuple[int, bytes]]) -> None:
        for event, line in lines:
            if self._matches(line.decode("utf-8", "backslashreplace")):
                self.count += 1
                _show_line(event, line)


def _grep(trace: Trace, arguments: argparse.Namespace) -> int:
    matches = _Matches(trace, arguments.pattern, arguments.only)
    status = ReplayStatus.FAITHFUL
    try:
        if arguments.replay:
            status = _replay(trace, arguments, matches.crossed)
        else:
            for event in trace.events():
                matches.see(event)
    finally:
        matches.finish()
    if status == ReplayStatus.FAITHFUL and not matches.count:
        return ReplayStatus.GUEST_FAILED  # 1, as grep has it
    return status


def _extract(trace: Trace, arguments: argparse.Namespace) -> int:
    what: str = arguments.what
    stem = os.path.basename(arguments.trace).removesuffix(".mp")  # noqa: PTH119
    name = arguments.output or f"{stem}{_ENDINGS[what]}"
    return _EXTRACTS[what](trace, arguments, Path(name))


def _extract_guest(trace: Trace, _arguments: argparse.Namespace, path: Path) -> int:
    guest = trace.guest()
    if guest is None:
        raise GuestNeeded(f"it does not hold its guest {one_line(trace.header.guest.name)}")
    with new_file(path) as file:
        file.write(guest)
        file.keep()
    say(_PROGRAM, f"the guest, {size_text(len(guest))}, in {one_line(str(path))}")
    return ReplayStatus.FAITHFUL


def _extract_console(trace: Trace, arguments: argparse.Namespace, path: Path) -> int:
    written = 0
    with new_file(path) as file:

        def crossed(_index: int, call: Call, _result: Result) -> None:
            nonlocal written
            if isinstance(call, ConsoleWrite):
                file.write(call.data)
                written += len(call.data)

        status = _replay(trace, arguments, crossed)
        if status == ReplayStatus.FAITHFUL:
            file.keep()
            say(_PROGRAM, f"{size_text(written)} in {one_line(str(path))}")
    return status


def _extract_block(trace: Trace, arguments: argparse.Namespace, path: Path) -> int:
    devices = [each for each in trace.header.boot.devices if isinstance(each, AttachedBlock)]
    chosen = [each for each in devices if arguments.device in (None, each.name)]
    if len(chosen) != 1:
        names = ", ".join(one_line(each.name) for each in devices) or "none"
        say(_PROGRAM, f"which block device? --device NAME; the guest had: {names}")
        return ReplayStatus.USAGE
    handle, capacity = chosen[0].handle, chosen[0].capacity_bytes
    touched = 0
    with new_file(path) as file:
        file.stream.truncate(capacity)

        def crossed(_index: int, call: Call, result: Result) -> None:
            nonlocal touched
            data = block_bytes(call, result, handle)
            if data is not None and isinstance(call, BlockRead | BlockWrite):
                file.stream.seek(call.offset)
                file.write(data)
                touched += len(data)

        status = _replay(trace, arguments, crossed)
        if status == ReplayStatus.FAITHFUL:
            file.keep()
            what = f"{size_text(capacity)}, {size_text(touched)} of it read or written"
            say(_PROGRAM, f"{what}, in {one_line(str(path))}; zeros elsewhere")
    return status


def block_bytes(call: Call, result: Result, handle: int) -> bytes | None:
    """What a request has shown of the device ``handle``; None for others and for failures."""
    match call, result:
        case BlockRead(handle=device), BlockData(status=0, data=data) if device == handle:
            return data
        case BlockWrite(handle=device, data=data), IoStatus(status=0) if device == handle:
            return data
    return None


class _Observer:
    def __init__(self, crossed: Callable[[int, Call, Result], None]) -> None:
        self.crossed = crossed


def _replay(
    trace: Trace, arguments: argparse.Namespace, crossed: Callable[[int, Call, Result], None]
) -> ReplayStatus:
    guest = None if arguments.guest is None else Path(arguments.guest).read_bytes()
    end: int | None = arguments.end
    until = None if end is None or end >= trace.event_count else Position(end)
    return watched_replay(
        trace, _Observer(crossed), Changes(guest), until=until, before_message=sys.stdout.flush
    )


def _show_line(event: int, line: bytes) -> None:
    print(f"#{event} | {printable(line.decode('utf-8', 'backslashreplace'))}")


_ENDINGS = {"guest": ".elf", "console": ".txt", "block": ".img"}
_EXTRACTS: Mapping[str, Callable[[Trace, argparse.Namespace, Path], int]] = {
    "guest": _extract_guest,
    "console": _extract_console,
    "block": _extract_block,
}
_COMMANDS: Mapping[str, Callable[[Trace, argparse.Namespace], int]] = {
    "cat": _cat,
    "grep": _grep,
    "extract": _extract,
}
LOOKING = tuple(_COMMANDS)
