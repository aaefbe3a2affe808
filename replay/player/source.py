"""The replaying source: every call is compared with the recording and answered from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.net import IoStatus
from replay.machine.position import Position
from replay.player.blocks import KnownBlocks
from replay.player.errors import Divergence
from traces.codec import describe
from traces.events import KnownData, RecordedResult
from traces.reader import Trace

_OK = 0

ConsoleSink = Callable[[bytes], object]


class Replaying:
    """Answers from ``trace``; what the guest prints goes to ``console``.

    A lane takes part in all three: ``stream`` is the place in the trace, ``blocks`` what the trace
    has shown of block devices.
    """

    def __init__(
        self, trace: Trace, console: ConsoleSink, blocks: KnownBlocks | None = None
    ) -> None:
        self.console = console
        self.blocks = blocks or KnownBlocks()
        self._trace = trace
        self.jump(0)
        self._special: dict[type[Call], Callable[[Any, Any], Result]] = {
            ConsoleWrite: self._console_written,
            BlockRead: self._block_read,
            BlockWrite: self._block_written,
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``; raises ``Divergence`` or
        ``traces.errors.DamagedTrace``."""
        result = self._match(call)
        if result is None:
            raise self._divergence(call)
        special = self._special.get(type(call))
        if special is not None:
            return special(call, result)
        return result  # type: ignore[return-value]  # only block reads can be KnownData

    def jump(self, event: int) -> None:
        """Go on with event number ``event``; the blocks are the caller's business."""
        self.stream = self._trace.stream(event)
        self._match = self.stream.match

    def extend(self) -> None:
        """The trace has become longer."""
        self.stream.extend(self._trace.layout)

    def close(self) -> None:
        """Forget the block devices' contents."""
        self.blocks.close()

    def _divergence(self, call: Call) -> Divergence:
        event = self.stream.peek()
        position = Position(self.stream.index)
        return Divergence(position, None if event is None else event.call, describe(call))

    def _console_written(self, call: ConsoleWrite, result: Result) -> Result:
        self.console(call.data)
        return result

    def _block_read(self, call: BlockRead, result: RecordedResult) -> Result:
        if isinstance(result, KnownData):
            return BlockData(_OK, self.blocks.recall(call))
        assert isinstance(result, BlockData)
        if result.status == _OK:
            self.blocks.learn(call.handle, call.offset, result.data)
        return result

    def _block_written(self, call: BlockWrite, result: IoStatus) -> Result:
        if result.status == _OK:
            self.blocks.written(call)
        return result
