"""The line that says where the guest stands, and what is going on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replay.machine.ending import Ending, Halted, Misused
from replay.machine.position import Position
from replay.player.stops import Stop, Why
from replay.tui.model.rows import Line, Role, Span, visible

_BAR_CELLS = 16
_NS_PER_S = 1_000_000_000
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_WORDS = {
    Why.START: "the start of the run",
    Why.END: "the end of the recording",
    Why.INTERRUPTED: "interrupted",
    Why.BREAK: "breakpoint",
    Why.WATCH: "watched memory",
    Why.EVENT: "event",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the guest stands: ``steps`` instructions and events from the start, ``time_ns`` of the
    guest's time since then, if it is known. ``because`` says more of why than ``stop`` does."""

    position: Position
    end: Position
    steps: int
    stop: Stop
    time_ns: int | None = None
    because: str = ""
    ending: Ending | None = None
    trouble: str = ""
    """Why the last journey was not made."""


def standing_line(here: Standing) -> Line:
    """``event 42/492 +17 · step 1,234,567 · 0.123 s · breakpoint 1``; trouble takes the place of
    what matters less."""
    spans = [
        Span(f"event {here.position.event:,}", Role.TITLE),
        Span(f"/{here.end.event:,}", Role.DIM),
        Span(f" +{here.position.instructions:,}" if here.position.instructions else ""),
    ]
    spans += [Span(f" · ✗ {visible(here.trouble)}", Role.BAD)] if here.trouble else _details(here)
    return tuple(span for span in spans if span.text)


def _details(here: Standing) -> Iterator[Span]:
    yield Span(f" · step {here.steps:,}", Role.DIM)
    if here.time_ns is not None:
        yield Span(f" · {time_text(here.time_ns)}", Role.NUMBER)
    if because := _because(here):
        yield Span(f" · {because}", _role(here))


def journey_line(title: str, tick: int, fraction: float | None) -> Line:
    """What is shown while a journey lasts: a bar where it is known how far it has come."""
    turning = _SPINNER[tick % len(_SPINNER)]
    spans = [Span(f"{turning} {visible(title)} ", Role.CURRENT)]
    if fraction is not None:
        filled = round(max(0.0, min(fraction, 1.0)) * _BAR_CELLS)
        bar = f"{'█' * filled}{'░' * (_BAR_CELLS - filled)}"
        spans.append(Span(f"{bar} {fraction * 100:3.0f} % ", Role.NUMBER))
    spans.append(Span("Esc cancels", Role.DIM))
    return tuple(spans)


def fraction_of(begun: Position, reached: Position, end: Position) -> float | None:
    """How much of a way of unknown aim is done: of what lies ahead, or behind, on the way taken."""
    if reached.event >= begun.event:
        whole, done = end.event - begun.event, reached.event - begun.event
    else:
        whole, done = begun.event, begun.event - reached.event
    return done / whole if whole > 0 else None


def time_text(ns: int) -> str:
    """Some time in the unit that suits it: ``12.345 ms``, ``1.5 s``, ``1 h 02 min 03.0 s``."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 1_000_000:
        return f"{sign}{ns / 1000:.1f} µs"
    if ns < _NS_PER_S:
        return f"{sign}{ns / 1_000_000:.3f} ms"
    minutes, rest = divmod(ns / _NS_PER_S, 60)
    if minutes < 1:
        return f"{sign}{rest:.3f} s"
    hours, minutes = divmod(int(minutes), 60)
    if not hours:
        return f"{sign}{minutes} min {rest:04.1f} s"
    return f"{sign}{hours} h {minutes:02} min {rest:04.1f} s"


def ending_text(ending: Ending | None) -> str:
    """How the guest ended, for people; empty where it did not."""
    match ending:
        case Halted():
            return f"the guest exited with status {ending.process_status}"
        case Misused():
            return f"the guest was ended with status {ending.process_status}: {ending.detail}"
        case _:
            return ""


def _because(here: Standing) -> str:
    if here.because:
        return visible(here.because)
    if here.stop.why is Why.END and here.position < here.end:  # of what was recorded then
        return ""
    if _has_ended(here):
        return visible(ending_text(here.ending))
    return _WORDS.get(here.stop.why, "")


def _has_ended(here: Standing) -> bool:
    """Whether the guest has come to its ending here, or somebody went to that very place."""
    is_there = here.stop.why is Why.END or (
        here.stop.why is Why.REACHED and here.position == here.end and not here.because
    )
    return is_there and here.ending is not None


def _role(here: Standing) -> Role:
    ending = here.ending
    if _has_ended(here) and isinstance(ending, Halted | Misused):
        return Role.BAD if ending.process_status else Role.GOOD
    return Role.MARK if here.stop.why in (Why.BREAK, Why.WATCH) else Role.DIM
