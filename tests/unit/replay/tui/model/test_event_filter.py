from __future__ import annotations

from pathlib import Path

import pytest

from replay.tui.model import event_filter
from replay.tui.model.event_filter import (
    EVERYTHING,
    AllEvents,
    BadQuery,
    EventQuery,
    EventSearch,
    OfKinds,
    TextFilter,
    parse_query,
    select,
)
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    POLLED,
    PRINTED,
    SENT,
    Crossing,
    break_block,
    clock,
    reader_of,
    write,
)
from traces.columns import ALL_KINDS, kinds_named
from traces.framing import EVENTS
from traces.reader import open_trace

RUN: list[Crossing] = [(POLLED, PRINTED, clock(7), ARRIVED, SENT)[n * n % 5] for n in range(100)]
NETS = [n for n, (call, _) in enumerate(RUN) if type(call).__name__.startswith("Net")]


@pytest.mark.parametrize(
    ("text", "kinds", "words"),
    [
        ("", ALL_KINDS, ""),
        ("  Some  Text ", ALL_KINDS, "some  text"),
        ("call:net_read text", kinds_named(["NetRead"]), "text"),
        (
            "GET call:Net,console /Index",
            kinds_named(["NetRead", "NetWrite", "ConsoleWrite"]),
            "get /index",
        ),
        ("call:poll call:halt", kinds_named(["Poll", "SetTimer", "WaitReady", "Halt"]), ""),
        ("ready calls:", ALL_KINDS, "ready calls:"),
    ],
)
def test_queries(text: str, kinds: frozenset[int], words: str) -> None:
    assert parse_query(text) == EventQuery(kinds, words)


@pytest.mark.parametrize("text", ["call:", "call:nothing", "call:net,", "x call:9"])
def test_bad_queries(text: str) -> None:
    with pytest.raises(BadQuery, match="no type"):
        parse_query(text)


def test_what_is_selected(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader = reader_of(trace)
        assert isinstance(select(reader, EVERYTHING), AllEvents)
        assert isinstance(select(reader, parse_query("call:net")), OfKinds)
        text = select(reader, parse_query("call:net x"))
        assert isinstance(text, TextFilter)
        assert text._reader is not reader


def test_all_events_have_rows_before_they_are_scanned(tmp_path: Path, monkeypatch) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        every = AllEvents(reader_of(trace, scanned=False))
        assert (len(every), every.event(7)) == (100, 7)
        assert [every.row(n) for n in (-1, 0, 7, 100, 900)] == [0, 0, 7, 100, 100]
        monkeypatch.setattr(event_filter, "ROWS_MAX", 50)
        assert len(every) == 50


def test_kinds_are_selected_at_once(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        rows = OfKinds(reader_of(trace).columns, kinds_named(["NetRead", "NetWrite"]))
        assert [rows.event(row) for row in range(len(rows))] == NETS
        for event in (-3, *range(102)):
            assert rows.row(event) == sum(each < event for each in NETS)
        with pytest.raises(IndexError):
            rows.event(len(rows))


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("budget", [1, 7, 1000])
def test_text_is_found_a_slice_at_a_time(tmp_path: Path, scanned: bool, budget: int) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader = reader_of(trace, scanned=scanned)
        found = TextFilter(reader, parse_query("call:net,console SERVICE"))
        fractions = [found.progress]
        while not found.done:
            found.advance(budget)
            fractions.append(found.progress)
        assert [found.event(row) for row in range(len(found))] == NETS
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0, 1)
        assert [found.row(n) for n in (NETS[0], NETS[3], NETS[3] + 1, 100)] == [
            0,
            3,
            4,
            len(NETS),
        ]


def test_a_rare_kind_takes_few_slices(tmp_path: Path) -> None:
    run = [POLLED] * 500 + [PRINTED] + [POLLED] * 500
    with open_trace(write(tmp_path / "a.mp", run, per_block=100)) as trace:
        found = TextFilter(reader_of(trace), parse_query("call:console bytes"))
        found.advance(5)
        found.advance(5)
        assert found.done
        assert found.event(0) == 500


def test_a_text_filter_can_be_given_up(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        found = TextFilter(reader_of(trace), parse_query("e"))
        found.advance(10)
        count = len(found)
        found.cancel()
        assert found.done
        found.advance(10)
        assert len(found) == count > 0


def test_a_text_filter_goes_on_with_the_trace(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mp", RUN, finished=False)
    with open_trace(whole) as trace:
        ends = [head.end_bytes for head in trace.blocks() if head.tag == EVENTS]
    path = tmp_path / "growing.mp"
    path.write_bytes(whole.read_bytes()[: ends[2]])
    with open_trace(path) as trace:
        found = TextFilter(reader_of(trace), parse_query("call:net service"))
        found.advance(1000)
        assert found.done
        path.write_bytes(whole.read_bytes())
        trace.refresh()
        assert not found.done
        while not found.done:
            found.advance(1000)
        assert list(found._matches) == NETS


def test_damage_is_found_by_its_words_and_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp", RUN)
    break_block(path, 4)
    with open_trace(path) as trace:
        reader = reader_of(trace)
        nets, damage = (
            TextFilter(reader, parse_query(text)) for text in ("=2 service", "CHECKSUM")
        )
        for each in (nets, damage):
            while not each.done:
                each.advance(30)
        assert list(nets._matches) == [n for n in NETS if not 40 <= n < 50]
        assert damage.event(0) == 40


def test_no_events(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", [])) as trace:
        reader = reader_of(trace)
        found = TextFilter(reader, parse_query("x"))
        assert (found.done, found.progress, len(found)) == (True, 1, 0)
        for forward in (True, False):
            search = EventSearch(reader, parse_query("x"), 0, forward=forward)
            assert (search.done, search.found, search.progress) == (True, None, 1)


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("budget", [1, 6, 1000])
@pytest.mark.parametrize("text", ["call:net service", "call:net", "=2 SERVICE"])
def test_the_next_match_either_way(tmp_path: Path, scanned: bool, budget: int, text: str) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader, query = reader_of(trace, scanned=scanned), parse_query(text)
        for event in (-1, 0, 13, 50, NETS[-1], 99, 100, 300):
            behind = [n for n in NETS if n > event]
            before = [n for n in NETS if n < event]
            for forward, expected in ((True, behind[:1]), (False, before[-1:])):
                search = EventSearch(reader, query, event, forward=forward)
                while not search.done:
                    search.advance(budget)
                    assert 0 <= search.progress <= 1
                assert search.found == (expected[0] if expected else None)


def test_a_search_can_be_given_up(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        search = EventSearch(reader_of(trace), parse_query("nothing like it"), 0)
        search.advance(5)
        assert not search.done
        search.cancel()
        assert (search.done, search.found) == (True, None)
