"""A recording that is still being written, as whoever follows it sees it: block by block."""

from __future__ import annotations

from pathlib import Path

from monitors.calls import Call, Result
from replay.player.session import ReplaySession
from tests.unit.replay.recordings import new_engine
from traces.framing import EVENTS
from traces.reader import open_trace
from traces.writer import TraceWriter


class Growing:
    """A copy of the recording at ``path`` in blocks of few events, of which at first there are
    ``blocks``."""

    def __init__(self, path: Path, *, per_block: int, blocks: int) -> None:
        whole = path.with_suffix(f".by{per_block}")
        _divide(path, whole, per_block)
        self.path = path.with_suffix(".growing")
        self._data = whole.read_bytes()
        with open_trace(whole) as trace:
            ends = [each.offset_bytes for each in trace.blocks() if each.tag == EVENTS]
        self._ends = [*ends[1:], len(self._data)]
        self.left = len(self._ends)
        self.path.write_bytes(b"")
        for _ in range(blocks):
            self.grow()

    def grow(self, added_bytes: int = 0) -> None:
        """One block more comes, and some bytes of the next one; with the last, the end comes."""
        end = self._ends[len(self._ends) - self.left]
        self.left -= 1
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(size)
            file.write(self._data[size : end + added_bytes])


class _Copier:
    def __init__(self, writer: TraceWriter, per_block: int, digests: dict[int, object]) -> None:
        self._writer = writer
        self._per_block = per_block
        self._digests = digests

    def crossed(self, index: int, call: Call, result: Result) -> None:
        self._writer.append(call, result)
        digest = self._digests.get(index)
        if digest is not None:
            self._writer.digest(index, digest.registers, digest.memory)  # type: ignore[attr-defined]
        if index % self._per_block == self._per_block - 1:
            self._writer.flush()


def _divide(path: Path, to: Path, per_block: int) -> None:
    with open_trace(path) as trace:
        digests: dict[int, object] = {each.event: each for each in trace.digests()}
        writer = TraceWriter(
            to, trace.header, trace.guest(), flush_interval_s=None, clock=lambda: 0.0
        )
        copier = _Copier(writer, per_block, digests)
        session = ReplaySession(trace, new_engine(), observers=lambda _: (copier,))
        try:
            session.run()
        finally:
            session.close()
        if trace.complete and trace.summary is not None:
            writer.finish(trace.summary)
        writer.close()
