"""How busy a run is: events by kind, in all and in the last seconds of the guest's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from replay.tui.model.event_lists import KindIndex, seconds_text
from replay.tui.model.rows import FixedRows, Line, Role, Span
from traces.tags import SPECS

WINDOW_NS = 5_000_000_000
_NS_PER_S = 1_000_000_000
_BAR_CELLS = 20


class TimedKinds(KindIndex, Protocol):
    """Kinds and times of events; see ``traces.columns``."""

    @property
    def event_count(self) -> int: ...

    @property
    def end_ns(self) -> int: ...

    def at_time(self, ns: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Rate:
    """One kind of call: how often it came, and how often each second of the window."""

    name: str
    total: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Rates:
    """The most frequent kind of the window first. ``window_ns`` is what the guest's time had."""

    total: int
    time_ns: int
    window_ns: int
    per_second: float
    kinds: tuple[Rate, ...]


def measure(events: TimedKinds, window_ns: int = WINDOW_NS) -> Rates:
    """The rates at the end of what is known; 0 where no time has passed."""
    count, end_ns = events.event_count, events.end_ns
    window_ns = min(window_ns, end_ns)
    begin = min(events.at_time(end_ns - window_ns), count) if window_ns else count

    def per_second(number: int) -> float:
        return number * _NS_PER_S / window_ns if window_ns else 0.0

    kinds = [
        Rate(spec.call.__name__, total, per_second(events.count(frozenset((tag,)), begin, count)))
        for tag, spec in SPECS.items()
        if (total := events.count(frozenset((tag,)), 0, count))
    ]
    kinds.sort(key=lambda rate: (-rate.per_second, -rate.total, rate.name))
    return Rates(count, end_ns, window_ns, per_second(count - begin), tuple(kinds))


def rate_rows(rates: Rates, state: Mapping[str, str] | None = None) -> FixedRows:
    """A head, and a row with a bar for each kind; ``state`` are further words by their titles."""
    return FixedRows(
        (_head(rates), *(_note(*each) for each in (state or {}).items()), *_bars(rates))
    )


def _head(rates: Rates) -> Line:
    window = f" over the last {seconds_text(rates.window_ns)} s of the guest's time"
    return (
        Span(f"{rates.total:,} events", Role.TITLE),
        Span(f" in {seconds_text(rates.time_ns)} s · "),
        Span(f"{rates.per_second:,.0f}/s", Role.NUMBER),
        Span(window if rates.window_ns else " (no time has passed)", Role.DIM),
    )


def _note(title: str, words: str) -> Line:
    return (Span(f"{title}: ", Role.DIM), Span(words))


def _bars(rates: Rates) -> tuple[Line, ...]:
    most = max((rate.per_second for rate in rates.kinds), default=0.0)
    return tuple(
        (
            Span(f"{rate.name:<15}", Role.NAME),
            Span(f"{rate.total:>13,} ", Role.NUMBER),
            Span(f"{rate.per_second:>11,.1f}/s ", Role.NUMBER),
            Span("#" * round(rate.per_second / most * _BAR_CELLS) if most else "", Role.DIM),
        )
        for rate in rates.kinds
    )
