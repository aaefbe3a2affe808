"""Frames of both directions, and one of them in layers and bytes.

Frames that were received stand in the trace. Of those sent it has a digest, which is shown until a
survey has brought the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitors.calls.net import NetFrame
from replay.export.frames import frame_layers, frame_summary
from replay.player.given_log import Given
from replay.tui.model.event_lists import Events, EventSource, EventTable
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.moved_bytes import Moved, byte_lines, moved_by, unknown
from replay.tui.model.rows import FixedRows, Line, Role, Span, ToEvent, visible
from traces.events import Event
from traces.header import Header

_STATUS = ("", "nothing to read", "refused", "failed")  # solo5.h, SOLO5_R_*
_DEVICE_CHARS = 16


def device_names(header: Header) -> dict[int, str]:
    """The names of a guest's devices by handle, as they can be shown."""
    return {each.handle: visible(each.name) for each in header.boot.devices}


def frame_table(
    events: Events, source: EventSource, names: dict[int, str], glyphs: Glyphs = UNICODE
) -> EventTable:
    """A row for each frame: direction, device, what it is. ``events`` are reads and writes of
    network devices; see ``traces.given.FrameEvents``."""

    def tell(event: Event, given: Given | None) -> Line:
        return _frame_line(event, given, names)

    return EventTable(events, source, tell, glyphs)


def frame_detail(event: Event, given: Given | None, names: dict[int, str]) -> FixedRows:
    """One frame: a row for each layer, from the outermost, and its bytes."""
    return FixedRows(tuple(_detail(event, given, names)))


def _frame_line(event: Event, given: Given | None, names: dict[int, str]) -> Line:
    moved = moved_by(event, given)
    target = ToEvent(event.index)
    return (
        _direction(moved),
        Span(f"{device_of(event, names):<8} ", Role.NAME),
        Span(f"{moved.length:>6} ", Role.NUMBER),
        *_failure(event),
        Span(visible(_summary(moved)), Role.TEXT if moved.data else Role.DIM, target),
    )


def device_of(event: Event, names: dict[int, str]) -> str:
    """The name of the device that an event is about, or its handle."""
    handle = dict(event.call.fields).get("handle")
    name = names.get(handle) if isinstance(handle, int) else None
    return (str(handle) if name is None else name)[:_DEVICE_CHARS]


def failure_of(event: Event) -> str:
    """How a request was answered, where that is not what was hoped for."""
    status = getattr(event.result, "status", 0)
    return _STATUS[status] if 0 <= status < len(_STATUS) else f"status {status}"


def _direction(moved: Moved) -> Span:
    """As the guest sees it."""
    return Span("-> in  ", Role.INPUT) if moved.is_input else Span("<- out ", Role.OUTPUT)


def _failure(event: Event) -> tuple[Span, ...]:
    words = failure_of(event)
    return (Span(f"{words} ", Role.BAD if words else Role.DIM),) if words else ()


def _summary(moved: Moved) -> str:
    if not moved.length:
        return "no frame"
    return frame_summary(moved.data) if moved.data else unknown(moved)


def _detail(event: Event, given: Given | None, names: dict[int, str]) -> Iterator[Line]:
    moved = moved_by(event, given)
    verb = "received from" if isinstance(event.result, NetFrame) else "sent to"
    yield (
        Span(f"event {event.index:,}", Role.TITLE, ToEvent(event.index)),
        Span(f" {moved.length:,} bytes {verb} {device_of(event, names)} "),
        *_failure(event),
    )
    if moved.data:
        for depth, layer in enumerate(frame_layers(moved.data)):
            kind, _, rest = visible(layer).partition(" ")
            yield (Span(f"{'  ' * depth}{kind}", Role.KEYWORD), Span(f" {rest}"))
    yield from byte_lines(moved)
