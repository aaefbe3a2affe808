"""The recording source: answers from another source, and writes every crossing down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.net import IoStatus
from replay.machine.ports import Source
from replay.machine.sectors import KnownSectors
from traces.events import KNOWN, RecordedResult
from traces.writer import TraceWriter

_OK = 0


class Recording:
    """Wraps ``inner``; ``console_bytes`` counts what the guest printed."""

    def __init__(self, inner: Source, writer: TraceWriter) -> None:
        self.console_bytes = 0
        self._answer = inner.answer
        self._append = writer.append
        self._known: defaultdict[int, KnownSectors] = defaultdict(KnownSectors)
        self._special: dict[type[Call], Callable[[Any, Any], RecordedResult]] = {
            ConsoleWrite: self._console_written,
            BlockRead: self._block_read,
            BlockWrite: self._block_written,
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``; also raises ``traces.errors.TraceWriteError``."""
        result = self._answer(call)
        special = self._special.get(type(call))
        self._append(call, result if special is None else special(call, result))
        return result

    def _console_written(self, call: ConsoleWrite, result: Result) -> Result:
        self.console_bytes += len(call.data)
        return result

    def _block_read(self, call: BlockRead, result: BlockData) -> RecordedResult:
        if result.status != _OK:
            return result
        known = self._known[call.handle]
        if known.covers(call.offset, call.length):
            return KNOWN
        known.learn(call.offset, call.length)
        return result

    def _block_written(self, call: BlockWrite, result: IoStatus) -> IoStatus:
        if result.status == _OK:
            self._known[call.handle].learn(call.offset, len(call.data))
        return result
