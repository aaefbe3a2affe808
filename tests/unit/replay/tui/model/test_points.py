from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ports import Access
from replay.tui.model.points import (
    POINTS_MAX,
    BadPoints,
    BreakPoint,
    NoSuchPoint,
    Points,
    WatchPoint,
    points_from_plain,
    points_to_plain,
)

TWO = (
    Points()
    .with_point(lambda number: BreakPoint(number, "pay", (0x100, 0x200)))
    .with_point(lambda number: WatchPoint(number, "total", 0x300, 4))
)


def test_numbers_go_on() -> None:
    assert [point.number for point in TWO.points] == [1, 2]
    again = TWO.without(2).with_point(lambda number: BreakPoint(number, "x", (1,)))
    assert [point.number for point in again.points] == [1, 3]
    shown = TWO.with_display("$rax", "x").with_display("total")
    assert [display.number for display in shown.displays] == [1, 2]
    assert [each.number for each in shown.without_display(1).displays] == [2]


def test_points_change() -> None:
    off = TWO.enabled(1, to=False).conditioned(2, "total > 3")
    assert not off.point(1).is_enabled
    assert off.point(2).condition == "total > 3"
    assert TWO.point(1).is_enabled


def test_hits_are_counted_and_what_is_temporary_goes() -> None:
    points = TWO.with_point(lambda n: BreakPoint(n, "once", (5,), is_temporary=True))
    after = points.hit([1, 3])
    assert [(point.number, point.hits) for point in after.points] == [(1, 1), (2, 0)]


def test_where_breakpoints_are() -> None:
    points = TWO.with_point(lambda n: BreakPoint(n, "*0x200", (0x200,), is_enabled=False))
    assert points.breaks() == {0x100: True, 0x200: True}
    assert points.enabled(1, to=False).breaks() == {0x100: False, 0x200: False}
    assert [each.number for each in points.at([0x200])] == [1, 3]
    assert points.at([0x300]) == ()


def test_what_is_not_there() -> None:
    with pytest.raises(NoSuchPoint, match="no breakpoint or watch number 9"):
        TWO.without(9)
    with pytest.raises(NoSuchPoint, match="no display number 9"):
        TWO.without_display(9)


texts = st.text(max_size=20)
numbers = st.integers(0, (1 << 64) - 1)
breaks = st.builds(
    BreakPoint,
    st.just(0),
    texts,
    st.lists(numbers, max_size=3).map(tuple),
    texts,
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
watches = st.builds(
    WatchPoint,
    st.just(0),
    texts,
    numbers,
    st.integers(1, 99),
    st.sampled_from(Access),
    texts,
    st.booleans(),
    st.integers(0, 99),
)


@given(st.lists(st.one_of(breaks, watches), max_size=4), st.lists(texts, max_size=3))
def test_they_come_back_from_a_file(points: list[Any], displays: list[str]) -> None:
    import dataclasses

    made = Points()
    for point in points:
        made = made.with_point(lambda n, point=point: dataclasses.replace(point, number=n))
    for number, text in enumerate(displays):
        made = made.with_display(text, "xs"[number] if number < 2 else "")
    assert points_from_plain(json.loads(json.dumps(points_to_plain(made)))) == made


GOOD = points_to_plain(TWO.with_display("$rax", "x"))


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 0},
        {"number": True},
        {"number": "1"},
        {"number": 2},
        {"addresses": [1 << 64]},
        {"addresses": ["x"]},
        {"addresses": [True]},
        {"addresses": None},
        {"condition": None},
        {"condition": "x" * 3000},
        {"enabled": 1},
        {"hits": -1},
        {"temporary": 0},
        {"break": 7},
    ],
)
def test_garbage_is_refused(changed: dict[str, object]) -> None:
    first, second = GOOD["points"]
    with pytest.raises(BadPoints):
        points_from_plain({"points": [{**first, **changed}, second]})


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "x",
        {"points": {}},
        {"points": [1]},
        {"points": [{}] * (POINTS_MAX + 1)},
        {"points": [{}]},
        {"points": [{**GOOD["points"][1], "access": "sniff"}]},
        {"points": [{**GOOD["points"][1], "access": []}]},
        {"points": [{**GOOD["points"][1], "size": 0}]},
        {"displays": [{"number": 1, "text": "x", "form": "xx"}]},
        {"displays": [{"number": 1, "text": "x", "form": "q"}]},
        {"displays": [{"number": 1, "text": "x"}]},
    ],
)
def test_other_garbage_is_refused(content: object) -> None:
    with pytest.raises(BadPoints):
        points_from_plain(content)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=10,
)
keys = ["number", "break", "watch", "addresses", "address", "size", "access", "hits", "enabled"]


@given(
    st.one_of(
        json_values,
        st.fixed_dictionaries(
            {"points": st.lists(st.dictionaries(st.sampled_from(keys), json_values), max_size=2)}
        ),
    )
)
def test_whatever_a_file_holds_is_points_or_refused(content: object) -> None:
    with contextlib.suppress(BadPoints):
        assert isinstance(points_from_plain(content), Points)


def test_nothing_is_kept_of_nothing() -> None:
    assert points_from_plain({}) == Points()
    assert points_from_plain(points_to_plain(Points())) == Points()
