"""Where a value comes from, as rows that lead to each step of its way."""

from __future__ import annotations

from collections.abc import Iterator

from replay.player.origin_lines import call_text, step_text, value_text
from replay.player.origins import Kind, Origin, OriginStep
from replay.player.whereabouts import InMemory
from replay.tui.model.rows import (
    FixedRows,
    Line,
    Role,
    Span,
    Target,
    ToEvent,
    ToMemory,
    ToPosition,
    ToRegister,
    message,
    visible,
)

_ROLES = {
    Kind.CALL: Role.INPUT,
    Kind.COMPUTED: Role.WARNING,
    Kind.CONSTANT: Role.NUMBER,
    Kind.INITIAL: Role.GOOD,
    Kind.LOST: Role.BAD,
}

NOTHING_ASKED = message(
    "Put the cursor on a value (a register, a word of the stack, a byte of memory) and press y,\n"
    "or type :why EXPRESSION, as in :why $rax or :why total."
)


def why_rows(origin: Origin, label: str = "") -> FixedRows:
    """The value, then its way back in time, a row a step; at the end the call that brought it."""
    return FixedRows(tuple(_lines(origin, label)))


def _lines(origin: Origin, label: str) -> Iterator[Line]:
    yield (
        Span(visible(label or origin.name), Role.TITLE, _target(origin)),
        Span(f" = {value_text(origin.value)}", Role.NUMBER),
        Span("  at ", Role.DIM),
        Span(str(origin.position), Role.ADDRESS, ToPosition(origin.position)),
    )
    size = len(origin.value)
    for number, step in enumerate(origin.steps, 1):
        if len(step.value) != size and isinstance(step.where, InMemory) and not step.derived:
            size = len(step.value)
            which = "byte" if size == 1 else f"{size} bytes"
            text = f"     of which the first {which}, {value_text(step.value)}:"
            yield (Span(text, Role.DIM),)
        yield _step_line(number, step)
    if origin.call is not None:
        event = ToEvent(origin.call.event)
        yield (Span("   ⇐ ", Role.INPUT), Span(visible(call_text(origin.call)), Role.MATCH, event))


def _step_line(number: int, step: OriginStep) -> Line:
    target = ToPosition(step.position)
    return (
        Span(f"{number:>3}  ", Role.DIM),
        Span(f"{step.position!s:<14} ", Role.ADDRESS, target),
        Span(visible(step_text(step)), _ROLES.get(step.kind, Role.TEXT), target),
    )


def _target(origin: Origin) -> Target:
    what = origin.what
    if isinstance(what, InMemory):
        return ToMemory(what.address, what.size)
    return ToRegister(what.name)
