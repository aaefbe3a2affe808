"""Reading a trace: its header at once, everything else when it is asked for.

The counterpart of ``writer``. A trace that was not finished is as good as a finished one up to
where it ends; ``complete`` tells them apart and ``damage`` says what was found at the end.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from traces.arrays import unpack_digests, unpack_events
from traces.blocks import BlockFile
from traces.errors import DAMAGED, BadEvent, Corrupt, DamagedTrace, TraceError
from traces.events import Event, StateDigest
from traces.framing import DIGESTS, GUEST, REDACTED, BlockHead
from traces.header import Header, header_from_map
from traces.layout import Layout, LayoutFinder, require_known
from traces.migrate import MIGRATIONS, Migrations, Step, migrate_events, migrate_header
from traces.packing import Malformed, new_packer
from traces.stream import EventStream
from traces.summary import Outcome, Summary


class Trace:
    """An open trace; any number of streams may be read from it at once."""

    def __init__(
        self, file: BlockFile, header: Header, finder: LayoutFinder, steps: Sequence[Step] = ()
    ) -> None:
        """Raises WrongVersion for a required block of a later version."""
        self.file = file
        self.header = header
        self.layout = finder.find()
        self._finder = finder
        self._steps = steps

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @property
    def path(self) -> str:
        """The file's name as it was given."""
        return self.file.path

    @property
    def event_count(self) -> int:
        """How many events can be read."""
        return self.layout.event_count

    @property
    def summary(self) -> Summary | None:
        """How the run ended; None where the file does not say."""
        return self.layout.summary

    @property
    def complete(self) -> bool:
        """Whether the trace was finished and holds the run to its end."""
        summary = self.layout.summary
        return self.layout.sealed and summary is not None and summary.outcome != Outcome.SALVAGED

    @property
    def damage(self) -> DamagedTrace | None:
        """What was found where an unfinished trace ends; None where it simply ends."""
        return self.layout.damage

    @property
    def being_written(self) -> bool:
        """Whether a recorder on this host still writes the trace.

        Ask before ``refresh``: a trace that nobody wrote then and that is not complete afterwards
        will never be.
        """
        return not self.layout.sealed and self.file.has_writer()

    def refresh(self) -> bool:
        """Look at what has come since, where the trace is still being written: whether more can be
        read now, or how the run ended is known now.

        Streams in use go on to the end that they knew; see ``EventStream.extend``. Raises
        WrongVersion for a required block of a later version, and then stays as it was.
        """
        before = self.layout
        if before.sealed or not (self.file.grow() or before.damage):
            return False
        try:
            self.layout = self._finder.find()
        except TraceError as error:
            error.locate(self.path)
            raise
        return _extent(self.layout) != _extent(before)

    def stream(self, start: int = 0) -> EventStream:
        """The events from ``start``, for a replay."""
        return EventStream(self.file, self.layout, start, self._steps)

    def events(self, start: int = 0) -> Iterator[Event]:
        """The events from ``start`` as values."""
        stream = self.stream(start)
        while (event := stream.next()) is not None:
            yield event

    def digests(self, start: int = 0) -> Iterator[StateDigest]:
        """The recorded digests of crossings from ``start``, ascending; often there are none."""
        # A crossing's digest stands behind the block that holds its event.
        listed = self.layout.index.locate(start)
        offset_bytes = self.layout.begin_bytes if listed is None else listed
        for head in self.blocks(offset_bytes, self.layout.end_bytes):
            if head.tag == DIGESTS:
                for digest in self._digests_of(head):
                    if digest.event >= start:
                        yield digest

    def guest(self) -> bytes | None:
        """The embedded guest ELF, proved by its SHA-256; None where it is not in the trace."""
        about = self.header.guest
        if not about.embedded:
            return None
        file = io.BytesIO()
        proof = hashlib.sha256()
        for head in self.blocks(end_bytes=self.layout.end_bytes):
            if head.tag != GUEST or file.tell() > about.size:
                break
            chunk = self.payload(head)
            proof.update(chunk)
            file.write(chunk)
        if file.tell() != about.size or proof.digest() != about.sha256:
            what = f"the embedded guest is not the {about.size} bytes that were recorded"
            raise Corrupt(what, path=self.path, hint=DAMAGED)
        return file.getvalue()

    @cached_property
    def redacted(self) -> frozenset[str]:
        """The families of bytes that were taken out of the trace, which cannot be replayed then."""
        for head in self.blocks(end_bytes=self.layout.end_bytes):
            if head.tag == REDACTED:
                return self._families(head)
            if head.tag != GUEST:
                break
        return frozenset()

    def _families(self, head: BlockHead) -> frozenset[str]:
        try:
            return frozenset(self.payload(head).decode("ascii").split(","))
        except ValueError as error:
            what = "the list of what was redacted is damaged"
            raise Corrupt(what, path=self.path, hint=DAMAGED) from error

    def blocks(
        self, offset_bytes: int | None = None, end_bytes: int | None = None
    ) -> Iterator[BlockHead]:
        """The blocks from ``offset_bytes`` (default: behind the seal) to the end of the file."""
        start = self.layout.begin_bytes if offset_bytes is None else offset_bytes
        try:
            for head in self.file.heads(start, end_bytes):
                require_known(head)
                yield head
        except TraceError as error:
            error.locate(self.path)
            raise

    def arrays(self, head: BlockHead) -> Iterator[list[object]]:
        """The events of a block as they stand there, their fields not looked at."""
        try:
            yield from migrate_events(unpack_events(self.payload(head)), self._steps)
        except BadEvent as error:
            error.locate(self.path)
            error.offset_bytes = head.offset_bytes
            raise

    def event_payload(self, head: BlockHead) -> bytes:
        """The events of a block as bytes in the present version's form."""
        if not self._steps:
            return self.payload(head)
        pack = new_packer()
        try:
            return b"".join(map(pack, self.arrays(head)))
        except Malformed as error:
            raise BadEvent(f"cannot be brought up to date ({error})", path=self.path) from error

    def payload(self, head: BlockHead) -> bytes:
        """A block's inflated payload, proved by its checksum."""
        try:
            return self.file.payload(head)
        except TraceError as error:
            error.locate(self.path)
            raise

    def _digests_of(self, head: BlockHead) -> Iterator[StateDigest]:
        try:
            yield from unpack_digests(self.payload(head))
        except BadEvent as error:
            what = f"a block of digests is damaged ({error.what})"
            raise Corrupt(
                what, path=self.path, offset_bytes=head.offset_bytes, hint=DAMAGED
            ) from error


def open_trace(path: Path | str, *, migrations: Migrations = MIGRATIONS) -> Trace:
    """Open the trace at ``path`` and read its header.

    Raises NotATrace, WrongVersion, or DamagedTrace when not even the header is whole.
    """
    file = BlockFile(path)
    try:
        preamble = file.preamble()
        steps = migrations.plan(preamble)
        values, begin_bytes = file.header()
        header = header_from_map(migrate_header(values, steps), preamble.version)
        return Trace(file, header, LayoutFinder(file, begin_bytes, steps), steps)
    except TraceError as error:
        file.close()
        error.locate(file.path)
        raise
    except BaseException:
        file.close()
        raise


def _extent(layout: Layout) -> tuple[int, bool, bool]:
    return layout.event_count, layout.sealed, layout.summary is not None
