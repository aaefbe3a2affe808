"""Bytes that an event moved, as rows: with what is known of them, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitors.calls.block import BlockData
from monitors.calls.net import NetFrame
from replay.export.event_lines import hex_rows
from replay.player.given_log import Given
from replay.tui.model.rows import Line, Role, Span
from traces.events import BytesDigest, Event, KnownData

SHOWN_BYTES_MAX = 64 << 10
"""More of one event's bytes is not shown."""


@dataclass(frozen=True, slots=True)
class Moved:
    """``length`` bytes went in or out, of which ``data`` are the first that are known; ``why`` says
    why there are not more."""

    is_input: bool
    length: int
    data: bytes = b""
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether all bytes are known."""
        return len(self.data) == self.length


def moved_by(event: Event, given: Given | None) -> Moved:
    """The bytes of an event: those that it brought stand in the trace (but for blocks that are
    known from before), those that the guest gave come from a replay."""
    fields = dict(event.call.fields)
    result, digest = event.result, fields.get("data")
    if isinstance(result, BlockData | NetFrame):
        return Moved(True, len(result.data), result.data)
    if isinstance(result, KnownData):
        length = fields.get("length")
        return Moved(True, length if isinstance(length, int) else 0, b"", "read or written before")
    if not isinstance(digest, BytesDigest):
        return Moved(False, 0)
    if given is None or given.length != digest.length:
        return Moved(False, digest.length, b"", f"crc32c {digest.crc32c:08x}")
    return Moved(False, digest.length, given.data, "" if given.whole else "more was not kept")


def unknown(moved: Moved) -> str:
    """``<60 bytes, crc32c 12345678>``: what is said instead of bytes."""
    why = f", {moved.why}" if moved.why else ""
    return f"<{moved.length:,} bytes{why}>"


def byte_lines(moved: Moved) -> Iterator[Line]:
    """Hexadecimal rows, and a last one for what is missing."""
    role = Role.INPUT if moved.is_input else Role.OUTPUT
    shown = moved.data[:SHOWN_BYTES_MAX]
    for row in hex_rows(shown):
        head, _, text = row.strip().partition("  ")
        yield (Span(f"{head}  ", Role.ADDRESS), Span(text, role))
    if missing := moved.length - len(shown):
        why = moved.why or "more are not shown"
        yield (Span(f"{missing:,} bytes{' more' if shown else ''}: {why}", Role.DIM),)
