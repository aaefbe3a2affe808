"""An origin as lines for people, with nothing in them that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterator

from replay.player.origins import CallBytes, Kind, Origin, OriginStep
from replay.player.whereabouts import InMemory

_NUMBER_BYTES = (1, 2, 4, 8)


def describe(origin: Origin, label: str = "") -> list[str]:
    """The value and its way back, a line for each step; ``label`` is what was asked for, as it was
    written."""
    return [_visible(line) for line in _lines(origin, label)]


def _lines(origin: Origin, label: str) -> Iterator[str]:
    yield f"{_asked(origin, label)} = {value_text(origin.value)}"
    followed = len(origin.value)
    for step in origin.steps:
        size = len(step.value)
        if size != followed and isinstance(step.where, InMemory) and not step.derived:
            which = "first byte" if size == 1 else f"first {size} bytes"
            yield f"  the {which}, {value_text(step.value)}:"
        followed = size
        yield f"  {step.position}: {step_text(step)}"
    call = origin.call
    if call is not None:
        yield f"  {call_text(call)}"


def _asked(origin: Origin, label: str) -> str:
    what, name = origin.what, origin.name
    if isinstance(what, InMemory):
        address = f"{what.address:#x}"
        size = f"{what.size} byte{'s' * (what.size != 1)} at {address}"
        name = size if name in (label, address) else f"{name}, {size}"
    if label in ("", name, f"${name}"):
        return label or name
    return f"{label} ({name})"


def step_text(step: OriginStep) -> str:
    """What one step has done, without its position."""
    to = step.where_name
    if step.kind is Kind.INITIAL:
        return f"{to} was never written: {step.note}"
    if not step.instruction:
        return f"{to}: {step.note}"
    if step.kind is Kind.KEPT:
        return f"{to} saved and restored{_in(step)}"
    return f"{_deed(step, to)}, by {step.instruction}{_in(step)}"


def _deed(step: OriginStep, to: str) -> str:
    match step.kind:
        case Kind.COPIED:
            return f"{to} from {step.came_from_name}"
        case Kind.COMPUTED:
            made_of = " and ".join(step.input_names)
            return f"{to} computed{' from ' * bool(made_of)}{made_of}"
        case Kind.CONSTANT:
            return f"{to} is a constant, {step.note}"
        case Kind.CALL:
            return f"{to} from a call"
        case _:
            return f"{to} not followed further: {step.note}"


def _in(step: OriginStep) -> str:
    place = step.place
    line = f" {place.file}:{place.line}" if place is not None and place.file else ""
    if step.function:
        return f" in {step.function}{line}"
    return f" at{line}" if line else ""


def call_text(call: CallBytes) -> str:
    """Which bytes of which event."""
    device = f"{call.device}, " if call.device else ""
    if call.field:
        return f"{call.field} of {call.call} #{call.event}{f' ({call.device})' if device else ''}"
    which = _bytes(call.offset, call.size)
    rest = "" if call.alike <= call.size else f", where {_bytes(call.offset, call.alike)} are alike"
    return f"{which} of {call.call} #{call.event} ({device}{call.total} bytes){rest}"


def _bytes(first: int, count: int) -> str:
    return f"byte {first}" if count == 1 else f"bytes {first} to {first + count - 1}"


def value_text(value: bytes) -> str:
    """A number where it has a number's size, with the most significant digit first; else bytes."""
    if len(value) in _NUMBER_BYTES:
        return f"0x{int.from_bytes(value, 'little'):0{2 * len(value)}x}"
    return value.hex(" ") or "nothing"


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
