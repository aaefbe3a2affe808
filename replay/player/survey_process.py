"""The process of a survey: one verified replay of a whole trace, and all that the guest gives.

Only frames, blocks and now and then another event are looked at, so that an agent of the engine can
answer what lies between; console text comes from it in one piece, and the trace says which event
has printed how much of it.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Iterator

from monitors.calls import Call, Result
from monitors.calls.block import BlockWrite
from monitors.calls.net import NetWrite
from monitors.errors import MonitorError
from replay.engines.errors import EngineError
from replay.player.errors import Divergence, GuestNeeded, StateDivergence
from replay.player.given_log import Chunk
from replay.player.session import Changes, ReplaySession
from replay.player.starting import start_replay
from replay.player.survey_wire import (
    CHUNK_BYTES,
    CHUNK_EVENTS,
    ITEM_BYTES_MAX,
    ConsoleSeen,
    GivenSeen,
    Message,
    Reached,
    Request,
    encode_message,
    read_request,
)
from replay.player.verdict import (
    CannotReplay,
    Incomplete,
    Verdict,
    verdict_of,
    verdict_of_divergence,
)
from traces.errors import DamagedTrace, TraceError
from traces.given import GivenCall, GivenCalls
from traces.reader import Trace, open_trace
from traces.tags import BLOCK_WRITE, CONSOLE_WRITE, NET_WRITE

FRAME_BYTES_KEPT = 2048
BLOCK_BYTES_KEPT = 512
_BEAT_EVENTS = 10_000
_FLUSH_S = 0.1
_LOOK_AGAIN_S = 0.1
_NICENESS = 10


def main() -> None:
    """Survey what standard input asks for and write messages to standard output, until the one
    closes or the other does."""
    os.nice(_NICENESS)
    output = os.dup(1)
    _silence()
    try:
        request = read_request(lambda size: os.read(0, size))
    except EOFError:
        return
    threading.Thread(target=_end_with_input, daemon=True).start()
    sender = Sender(output)
    sender.finish(survey(request, sender))


class Sender:
    """Collects what is found and sends it in chunks; used by several threads."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._console = _Collected()
        self._given = _Collected()
        self._reached = self._told = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._flush_on, daemon=True)
        self._thread.start()

    def printed(self, event: int, length: int, data: bytes) -> None:
        """Event number ``event`` has printed ``length`` bytes that begin with ``data``."""
        with self._lock:
            if self._console.add(event, length, data):
                self._flush()

    def given(self, event: int, length: int, data: bytes) -> None:
        """It was a frame or a block."""
        with self._lock:
            if self._given.add(event, length, data):
                self._flush()

    def reached(self, event: int) -> None:
        """All before ``event`` has been told."""
        with self._lock:
            self._reached = event

    def finish(self, verdict: Verdict) -> None:
        """Send all there is, and the verdict."""
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._flush()
            self._send(verdict)

    def _flush_on(self) -> None:
        while not self._ended.wait(_FLUSH_S):
            with self._lock:
                self._flush()

    def _flush(self) -> None:
        if self._console.events:
            self._send(ConsoleSeen(self._console.take()))
        if self._given.events:
            self._send(GivenSeen(self._given.take()))
        if self._reached > self._told:
            self._told = self._reached
            self._send(Reached(self._told))

    def _send(self, message: Message) -> None:
        rest = memoryview(encode_message(message))
        try:
            while rest:
                rest = rest[os.write(self._output, rest) :]
        except OSError:  # nobody listens any more
            os._exit(1)


class _Collected:
    """A chunk that grows."""

    def __init__(self) -> None:
        self._begin()

    def add(self, event: int, length: int, data: bytes) -> bool:
        """True when it should be sent."""
        self.events.append(event)
        self._lengths.append(length)
        self._kept.append(len(data))
        self._data += data
        return len(self._data) >= CHUNK_BYTES or len(self.events) >= CHUNK_EVENTS

    def take(self) -> Chunk:
        chunk = Chunk(self.events, self._lengths, self._kept, bytes(self._data))
        self._begin()
        return chunk

    def _begin(self) -> None:
        self.events, self._lengths, self._kept = array("Q"), array("Q"), array("Q")
        self._data = bytearray()


class _Ahead:
    """The calls of some kinds that a trace has, one by one; where it is damaged none follows."""

    def __init__(self, trace: Trace, *tags: int) -> None:
        self._calls = GivenCalls(trace)
        self._tags = tags
        self._damaged = False
        self.extend()

    def extend(self) -> None:
        """The trace has become longer."""
        self._rest: Iterator[GivenCall] = iter(self._calls)

    def next(self) -> GivenCall | None:
        """The next one that can be read by now."""
        try:
            while not self._damaged:
                call = next(self._rest, None)
                if call is None or call.tag in self._tags:
                    return call
        except DamagedTrace:  # the replay comes to it, too
            self._damaged = True
        return None


class ConsoleSplitter:
    """Finds out which event has printed what."""

    def __init__(self, trace: Trace, sender: Sender) -> None:
        self._ahead = _Ahead(trace, CONSOLE_WRITE)
        self._sender = sender
        self._call: GivenCall | None = None
        self._missing = 0
        self._kept = bytearray()

    def extend(self) -> None:
        """The trace has become longer."""
        self._ahead.extend()

    def write(self, data: bytes) -> None:
        """The guest has printed ``data``, which has been compared with the recording."""
        while data and (call := self._current()) is not None:
            piece, data = data[: self._missing], data[self._missing :]
            self._missing -= len(piece)
            self._kept += piece[: ITEM_BYTES_MAX - len(self._kept)]
            if not self._missing:
                self._sender.printed(call.event, call.length, bytes(self._kept))
                self._call = None
                self._kept.clear()

    def _current(self) -> GivenCall | None:
        while self._call is None or not self._call.length:
            self._call = self._ahead.next()
            if self._call is None:
                return None
            self._missing = self._call.length
        return self._call


class Watcher:
    """A sparse observer that sees every frame and block; see ``replay.machine.ports``."""

    def __init__(self, trace: Trace, sender: Sender) -> None:
        self._ahead = _Ahead(trace, NET_WRITE, BLOCK_WRITE)
        self._sender = sender
        self._next = self._ahead.next()
        self._beat = _BEAT_EVENTS

    def extend(self) -> None:
        """The trace has become longer."""
        self._ahead.extend()
        if self._next is None:
            self._next = self._ahead.next()

    @property
    def due(self) -> int:
        """See ``SparseObserver``."""
        return self._beat if self._next is None else min(self._beat, self._next.event)

    def crossed(self, index: int, call: Call, _result: Result) -> None:
        """See ``Observer``."""
        if isinstance(call, NetWrite):
            self._sender.given(index, len(call.data), call.data[:FRAME_BYTES_KEPT])
        elif isinstance(call, BlockWrite):
            self._sender.given(index, len(call.data), call.data[:BLOCK_BYTES_KEPT])
        while self._next is not None and self._next.event <= index:
            self._next = self._ahead.next()
        self._beat = index + _BEAT_EVENTS
        self._sender.reached(index + 1)


def survey(request: Request, sender: Sender) -> Verdict:
    """Replay what is asked for to the end; with ``follow``, to the end of the recording."""
    try:
        with open_trace(request.trace) as trace:
            return _survey(request, trace, sender)
    except (TraceError, EngineError, GuestNeeded, MonitorError, OSError) as error:
        return CannotReplay(str(error))
    except MemoryError:
        return CannotReplay("there is not enough memory")


def _survey(request: Request, trace: Trace, sender: Sender) -> Verdict:
    console, watcher = ConsoleSplitter(trace, sender), Watcher(trace, sender)
    session, _ = start_replay(
        trace,
        request.engine,
        changes=Changes(request.guest, request.command_line),
        console=console.write,
        observers=lambda _: (watcher,),
    )
    awaited = _Awaited(session)
    try:
        while True:
            replayed = session.run()
            sender.reached(replayed.position.event)
            if trace.complete or not (request.follow and awaited.has_more()):
                return verdict_of(replayed, trace)
            console.extend()
            watcher.extend()
    except (Divergence, StateDivergence) as error:
        sender.reached(error.position.event)
        return verdict_of_divergence(error)
    except DamagedTrace as error:
        sender.reached(session.position.event)
        return Incomplete(session.position.event, 0, str(error))
    finally:
        session.close()


class _Awaited:
    """A trace that may become longer."""

    def __init__(self, session: ReplaySession) -> None:
        self._session = session
        self._had_writer = session.trace.being_written

    def has_more(self) -> bool:
        """Wait until it has; False when its recorder has gone and left it without an end."""
        waiting = threading.Event()
        while True:
            has_writer = self._session.trace.being_written
            if self._session.extend():
                return True
            if self._had_writer and not has_writer:
                return False
            self._had_writer = self._had_writer or has_writer
            waiting.wait(_LOOK_AGAIN_S)


def _silence() -> None:
    """Nothing but messages goes to the pipe, whatever a library prints."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _end_with_input() -> None:
    """Whoever has asked holds the pipe open; when it is gone nobody wants an answer."""
    while os.read(0, 4096):
        pass
    os._exit(1)
