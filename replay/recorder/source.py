"""The recording source: answers from another source, and writes every crossing down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.net import IoStatus
from replay.machine.errors import DeviceFailure
from replay.machine.ports import Source
from replay.machine.sectors import KnownSectors
from traces.errors import TraceWriteError
from traces.events import KNOWN, RecordedResult
from traces.limits import EVENT_BYTES_MAX
from traces.writer import TraceWriter

_OK = 0
_OTHER_FIELDS_BYTES = 256
READ_BYTES_MAX = EVENT_BYTES_MAX - _OTHER_FIELDS_BYTES
"""The data of one block read that an event can hold. Solo5's bindings read a block at a time,
32 KiB at most, so only a guest that makes its own hypercalls comes near."""

LossReport = Callable[[TraceWriteError], object]


def ignore_loss(_loss: TraceWriteError) -> None:
    """For those who ask later."""


class Recording:
    """Wraps ``inner``; ``console_bytes`` counts what the guest printed.

    When the trace cannot be written any more, ``loss`` says why and ``on_loss`` is called once; the
    guest is not made to suffer for it, and goes on with answers that nobody writes down.
    """

    def __init__(
        self, inner: Source, writer: TraceWriter, on_loss: LossReport = ignore_loss
    ) -> None:
        self.console_bytes = 0
        self.loss: TraceWriteError | None = None
        self._on_loss = on_loss
        self._answer = inner.answer
        self._append: Callable[[Call, RecordedResult], None] = writer.append
        self._known: defaultdict[int, KnownSectors] = defaultdict(KnownSectors)
        self._special: dict[type[Call], Callable[[Any, Any], RecordedResult]] = {
            ConsoleWrite: self._console_written,
            BlockRead: self._block_read,
            BlockWrite: self._block_written,
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``; ``DeviceFailure`` for more than an event holds."""
        result = self._answer(call)
        special = self._special.get(type(call))
        try:
            self._append(call, result if special is None else special(call, result))
        except TraceWriteError as error:
            self.give_up(error)
        return result

    def share_known(self, handle: int, known: KnownSectors) -> None:
        """Keep the known sectors of a device, of which nothing was read yet, in ``known``."""
        self._known[handle] = known

    def give_up(self, error: TraceWriteError) -> None:
        """Write nothing more down."""
        self.loss = error
        self._append = _forget
        self._on_loss(error)

    def _console_written(self, call: ConsoleWrite, result: Result) -> Result:
        self.console_bytes += len(call.data)
        return result

    def _block_read(self, call: BlockRead, result: BlockData) -> RecordedResult:
        if result.status != _OK:
            return result
        known = self._known[call.handle]
        if known.covers(call.offset, call.length):
            return KNOWN
        if call.length > READ_BYTES_MAX:
            raise DeviceFailure(
                f"the guest reads {call.length} bytes of device {call.handle} at once, and an "
                f"event of a trace holds {READ_BYTES_MAX}; let it read in smaller parts"
            )
        known.learn(call.offset, call.length)
        return result

    def _block_written(self, call: BlockWrite, result: IoStatus) -> IoStatus:
        if result.status == _OK:
            self._known[call.handle].learn(call.offset, len(call.data))
        return result


def _forget(_call: Call, _result: RecordedResult) -> None:
    """What becomes of crossings when there is no trace any more."""
