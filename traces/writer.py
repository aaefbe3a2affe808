"""Writing a trace: events as they happen, a block at a time, never a byte taken back.

Whatever happens to this process, the file is a valid prefix: header and guest are stored before the
first event, every block is appended whole, and the trailer says that nothing is missing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from monitors.calls import Call
from traces.buffer import Stored, new_event_buffer
from traces.codec import encode_single
from traces.ending import encode_ending
from traces.errors import TraceError, TraceWriteError
from traces.events import RecordedResult
from traces.flusher import Flusher
from traces.framing import (
    DIGESTS,
    EVENTS,
    GUEST,
    HEADER_SEAL,
    BlockEncoder,
)
from traces.header import VERSION, Header, header_from_map, header_to_map
from traces.index import IndexBuilder
from traces.limits import BLOCK_BYTES, DIGEST_BYTES_MAX, EVENT_BYTES_MAX
from traces.packing import new_packer
from traces.preamble import encode_header, parse_header, seal_of
from traces.sink import BinaryFile, open_sink
from traces.summary import Summary

_DUE_FRACTION = 0.6
"""Of the flush interval; the rest is for compressing, writing and for being scheduled."""

_CutBlock = tuple[str, int, int, bytes]


class TraceWriter:
    """A trace in the making; used by one recorder, with a thread of its own for flushing.

    With ``flush_interval_s=None`` there is no thread and blocks are cut by size alone, so that
    equal crossings give equal files.
    """

    def __init__(
        self,
        target: Path | str | BinaryFile,
        header: Header,
        guest: bytes | None,
        *,
        flush_interval_s: float | None = 0.05,
        clock: Callable[[], float],
    ) -> None:
        """Creates the file with its header; raises TraceExists or TraceWriteError.

        ``guest`` is the whole ELF file when ``header.guest.embedded``; ``clock`` counts seconds.
        """
        self._lock = threading.Lock()
        self._io_lock = threading.Lock()
        self._buffer = new_event_buffer()
        self._store = self._buffer.append
        self._pack = new_packer()
        self._digests = bytearray()
        self._digests_first = 0
        self._digests_count = 0
        self._last_digest = -1
        self._cut_blocks: deque[_CutBlock] = deque()
        self._failure: TraceWriteError | None = None
        self._closed = False
        self._clock = clock
        self._due_s = 0.0 if flush_interval_s is None else flush_interval_s * _DUE_FRACTION
        self._oldest_s = 0.0
        self._blocks = BlockEncoder()
        self._index = IndexBuilder()
        beginning = _beginning(header, guest, self._blocks)
        self._sink = open_sink(target)
        self._begin(beginning, guest)
        self._flusher = None if flush_interval_s is None else Flusher(self._flush_due)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def event_count(self) -> int:
        """Crossings added so far."""
        return self._buffer.event_count

    def append(self, call: Call, result: RecordedResult) -> None:
        """Add a crossing; raises TraceWriteError when the host cannot store the trace any more."""
        outcome = self._store(call, result)
        if outcome:
            self._attend(call, result, outcome)

    def append_block(self, payload: bytes, count: int) -> None:
        """Add ``count`` finished events as a block of their own, in which readings begin anew.

        Raises TraceWriteError when the host cannot store the trace any more.
        """
        assert 0 < count <= len(payload) <= BLOCK_BYTES, (count, len(payload))
        with self._lock:
            if self._failure is not None:
                raise self._refusal(self._failure)
            self._cut()
            self._cut_blocks.append((EVENTS, self._buffer.event_count, count, payload))
            self._buffer.skip(count)
        self._write_out()

    def digest(self, event: int, registers: bytes, memory: bytes = b"") -> None:
        """Add the digests (at most 64 bytes each) of the state after crossing ``event``.

        Events ascend and have been appended; a second digest of the same one adds nothing.
        """
        assert len(registers) <= DIGEST_BYTES_MAX, registers
        assert len(memory) <= DIGEST_BYTES_MAX, memory
        assert self._last_digest <= event < self.event_count, (event, self.event_count)
        if event == self._last_digest:
            return
        data = self._pack([event, registers, memory])
        with self._lock:
            self._last_digest = event
            if len(self._digests) + len(data) > BLOCK_BYTES:
                self._cut()
            if not self._digests:
                self._digests_first = event
            self._digests += data
            self._digests_count += 1
        if self._cut_blocks:
            self._write_out()

    def flush(self) -> None:
        """Bring everything appended so far to the file; raises TraceWriteError."""
        with self._lock:
            self._cut()
        self._write_out()
        if self._failure is not None:
            raise self._refusal(self._failure)

    def finish(self, summary: Summary) -> None:
        """Complete the trace and close it; the summary's number of events is filled in."""
        self._stop_flusher()
        self.flush()
        counted = replace(summary, events=self.event_count)
        try:
            self._sink.write(
                encode_ending(counted, self._index, self._sink.size_bytes, self._blocks)
            )
        except TraceWriteError as error:
            self._fail(error)
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the file; a trace that was not finished stays incomplete. Never raises."""
        if self._closed:
            return
        self._closed = True
        self._stop_flusher()
        with self._lock:
            self._cut()
        self._write_out()
        self._fail(TraceWriteError("the trace is closed", path=self._sink.name))
        self._sink.close()

    def _begin(self, beginning: bytes, guest: bytes | None) -> None:
        try:
            self._sink.write(beginning)
            view = memoryview(guest or b"")
            for at in range(0, len(view), BLOCK_BYTES):
                chunk = bytes(view[at : at + BLOCK_BYTES])
                self._sink.write(self._blocks.encode(GUEST, 0, len(chunk), chunk))
        except TraceWriteError:
            self._sink.discard()
            raise

    def _attend(self, call: Call, result: RecordedResult, outcome: int) -> None:
        """Do what a crossing needs besides being stored, and store it where it is not."""
        if self._failure is not None:
            raise self._refusal(self._failure)
        if outcome == Stored.FULL:
            with self._lock:
                self._cut()
            outcome = self._store(call, result)
        if outcome in (Stored.FULL, Stored.UNUSUAL):
            outcome = self._put(encode_single(call, result))
        if outcome == Stored.FIRST:
            self._oldest_s = self._clock()
            self._write_out()
            if self._flusher is not None:
                self._flusher.notify()

    def _put(self, data: bytes) -> int:
        """Store an encoded event; a large one becomes a block."""
        if len(data) > EVENT_BYTES_MAX:
            raise self._give_up(_too_large(len(data)))
        outcome = self._buffer.put(data)
        if outcome == Stored.FULL:
            with self._lock:
                self._cut()
            outcome = self._buffer.put(data)
        return outcome

    def _cut(self) -> None:
        """Turn what is pending into blocks; the lock is held."""
        if self._buffer.pending:
            payload, first, count = self._buffer.take()
            self._cut_blocks.append((EVENTS, first, count, payload))
        if self._digests_count:
            digests = bytes(self._digests)
            block = (DIGESTS, self._digests_first, self._digests_count, digests)
            self._cut_blocks.append(block)
            self._digests.clear()
            self._digests_count = 0

    def _write_out(self) -> None:
        """Write all cut blocks in order; a failure is kept for the next call of ``append``."""
        with self._io_lock:
            while self._cut_blocks:
                tag, first, count, data = self._cut_blocks.popleft()
                if self._failure is not None:
                    continue
                offset_bytes = self._sink.size_bytes
                try:
                    self._sink.write(self._blocks.encode(tag, first, count, data))
                except TraceWriteError as error:
                    self._fail(error)
                else:
                    self._index.note(tag, first, offset_bytes)

    def _flush_due(self) -> float | None:
        """For the flusher: write what is due; the seconds until the rest is, None for no rest."""
        if not self._buffer.pending:
            return None
        wait_s = self._oldest_s + self._due_s - self._clock()
        if wait_s > 0:
            return wait_s
        with self._lock:
            self._cut()
        self._write_out()
        return None

    def _stop_flusher(self) -> None:
        if self._flusher is not None:
            self._flusher.stop()
            self._flusher = None

    def _give_up(self, reason: TraceWriteError) -> TraceWriteError:
        """Store what is pending and take nothing more: a later event would hide the missing one."""
        with self._lock:
            self._cut()
        self._write_out()
        return self._refusal(self._fail(reason))

    def _fail(self, reason: TraceWriteError) -> TraceWriteError:
        """Take no more events; the first reason stays."""
        self._failure = self._failure or reason
        self._buffer.close()
        return self._failure

    def _refusal(self, error: TraceWriteError) -> TraceWriteError:
        return TraceWriteError(error.what, path=self._sink.name, hint=error.hint)


def _beginning(header: Header, guest: bytes | None, blocks: BlockEncoder) -> bytes:
    """Header and seal; what is written here has been read back by the reader's rules."""
    assert header.version == VERSION, header.version
    assert header.guest.embedded == (guest is not None), header.guest
    if guest is not None:
        assert header.guest.size == len(guest), header.guest
        assert header.guest.sha256 == hashlib.sha256(guest).digest(), header.guest
    try:
        data = encode_header(header_to_map(header))
        values, _size = parse_header(data)
        again = header_from_map(values, VERSION)
    except TraceError as error:
        raise TraceWriteError(f"this run cannot be recorded: {error.what}") from error
    assert again == header, "the header holds values that are not plain"
    return data + blocks.encode(HEADER_SEAL, 0, len(data), seal_of(data))


def _too_large(size: int) -> TraceWriteError:
    return TraceWriteError(
        f"an event of {size} bytes is beyond the format's limit of {EVENT_BYTES_MAX}",
        hint="the guest moved more data in one call than a trace can hold",
    )
