"""How busy a run is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.tui.model.rates import Rate, measure, rate_rows
from replay.tui.model.rows import plain
from traces.columns import EventColumns, scan
from traces.reader import open_trace
from traces.tags import CONSOLE_WRITE, POLL

CORPUS = Path(__file__).parents[5] / "traces/corpus"


class Run:
    """Events as (time in ms, tag)."""

    def __init__(self, events: Sequence[tuple[int, int]]) -> None:
        self._events = events
        self.event_count = len(events)

    @property
    def end_ns(self) -> int:
        return self._events[-1][0] * 1_000_000 if self._events else 0

    def at_time(self, ns: int) -> int:
        return sum(time * 1_000_000 < ns for time, _ in self._events)

    def count(self, kinds: frozenset[int], begin: int = 0, end: int | None = None) -> int:
        return sum(tag in kinds for _, tag in self._events[begin:end])

    def select(self, kinds: frozenset[int], nth: int) -> int:
        raise NotImplementedError


RUN = Run([(each * 100, POLL) for each in range(101)] + [(10_000, CONSOLE_WRITE)] * 50)


def test_rates_are_of_the_last_seconds() -> None:
    rates = measure(RUN)
    assert (rates.total, rates.time_ns, rates.window_ns) == (151, 10_000_000_000, 5_000_000_000)
    assert rates.per_second == pytest.approx(101 / 5)
    assert rates.kinds == (Rate("Poll", 101, 51 / 5), Rate("ConsoleWrite", 50, 10.0))
    assert measure(RUN, 1_000_000_000).kinds[0] == Rate("ConsoleWrite", 50, 50.0)


def test_a_short_run_is_its_own_window() -> None:
    rates = measure(Run([(0, POLL), (500, POLL)]))
    assert (rates.window_ns, rates.per_second) == (500_000_000, 4.0)


@pytest.mark.parametrize("events", [[], [(0, POLL)]])
def test_where_no_time_has_passed(events: list[tuple[int, int]]) -> None:
    rates = measure(Run(events))
    assert (rates.total, rates.per_second, rates.window_ns) == (len(events), 0.0, 0)
    assert "no time has passed" in plain(rate_rows(rates).line(0))


def test_rows() -> None:
    rows = rate_rows(measure(RUN), {"survey": "37 %"})
    assert [plain(rows.line(row)) for row in range(len(rows))] == [
        "151 events in 10.000000 s · 20/s over the last 5.000000 s of the guest's time",
        "survey: 37 %",
        "Poll                     101        10.2/s ####################",
        "ConsoleWrite              50        10.0/s ####################",
    ]


def test_of_a_real_trace() -> None:
    with open_trace(CORPUS / "hello-1.0.mp") as trace:
        columns = EventColumns()
        for chunk in scan(trace):
            columns.extend(chunk)
        rates = measure(columns)
        assert rates.total == trace.event_count == sum(rate.total for rate in rates.kinds)
