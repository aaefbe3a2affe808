"""Requests to block devices, and one of them with its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitors.manifest import AttachedBlock
from replay.player.given_log import Given
from replay.tui.model.event_lists import Events, EventSource, EventTable
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.moved_bytes import Moved, byte_lines, moved_by, unknown
from replay.tui.model.network import device_names, device_of, failure_of
from replay.tui.model.rows import FixedRows, Line, Role, Span, ToEvent
from traces.events import BytesDigest, Event, KnownData
from traces.header import Header

_PREVIEW_BYTES = 12


@dataclass(frozen=True, slots=True)
class BlockNames:
    """What is known of a guest's block devices: names and block sizes by handle."""

    names: dict[int, str]
    block_sizes: dict[int, int]


def block_names(header: Header) -> BlockNames:
    """Of the devices that were attached."""
    blocks = [each for each in header.boot.devices if isinstance(each, AttachedBlock)]
    return BlockNames(device_names(header), {each.handle: each.block_size for each in blocks})


def block_table(
    events: Events, source: EventSource, names: BlockNames, glyphs: Glyphs = UNICODE
) -> EventTable:
    """A row for each request: read or write, device, sectors, how it was answered, first bytes."""

    def tell(event: Event, given: Given | None) -> Line:
        return _request_line(event, given, names)

    return EventTable(events, source, tell, glyphs)


def block_detail(event: Event, given: Given | None, names: BlockNames) -> FixedRows:
    """One request with its bytes, as far as they are known."""
    return FixedRows(tuple(_detail(event, given, names)))


def sectors_of(event: Event, names: BlockNames) -> str:
    """``sector 7``, ``sectors 8-11``; or bytes, where it is not one of whole sectors."""
    inputs = dict(event.call.fields)
    offset, data = inputs.get("offset"), inputs.get("data")
    length = data.length if isinstance(data, BytesDigest) else inputs.get("length")
    handle = inputs.get("handle")
    size = names.block_sizes.get(handle, 0) if isinstance(handle, int) else 0
    if not isinstance(offset, int) or not isinstance(length, int):
        return ""
    if not size or not length or offset % size or length % size:
        return f"{length:,} bytes at {offset:,}"
    first, count = offset // size, length // size
    return f"sector {first:,}" if count == 1 else f"sectors {first:,}-{first + count - 1:,}"


def _request_line(event: Event, given: Given | None, names: BlockNames) -> Line:
    moved = moved_by(event, given)
    failure = failure_of(event)
    return (
        _verb(moved),
        Span(f"{device_of(event, names.names):<8} ", Role.NAME),
        Span(f"{sectors_of(event, names):<20} ", Role.NUMBER, ToEvent(event.index)),
        Span(f"{failure} ", Role.BAD) if failure else Span("OK ", Role.GOOD),
        Span("" if failure and not moved.length else _preview(moved), Role.DIM),
    )


def _verb(moved: Moved) -> Span:
    return Span("read  ", Role.INPUT) if moved.is_input else Span("write ", Role.OUTPUT)


def _preview(moved: Moved) -> str:
    if not moved.data:
        return unknown(moved)
    more = "…" if moved.length > _PREVIEW_BYTES else ""
    return f"{moved.data[:_PREVIEW_BYTES].hex(' ')}{more}"


def _detail(event: Event, given: Given | None, names: BlockNames) -> Iterator[Line]:
    moved = moved_by(event, given)
    verb = "read from" if moved.is_input else "written to"
    yield (
        Span(f"event {event.index:,}", Role.TITLE, ToEvent(event.index)),
        Span(f" {sectors_of(event, names)} {verb} {device_of(event, names.names)}"),
        Span(f" {failure_of(event)}", Role.BAD),
    )
    if isinstance(event.result, KnownData):
        text = "The trace has these bytes once only: where the guest wrote or first read them."
        yield (Span(text, Role.DIM),)
        return
    yield from byte_lines(moved)
