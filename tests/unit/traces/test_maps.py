from __future__ import annotations

from collections.abc import Callable

import pytest

from traces.errors import Corrupt
from traces.limits import HEADER_DEPTH_MAX, HEADER_ITEMS_MAX
from traces.maps import MapView, is_plain

VIEW = MapView(
    {"n": 5, "t": "text", "b": b"bytes", "yes": True, "list": [{"n": 1}], "map": {"k": [1]}}, "top"
)


def test_values_of_the_right_kind_are_given() -> None:
    assert VIEW.integer("n", 5, 5) == 5
    assert VIEW.optional_integer("n") == 5
    assert VIEW.optional_integer("absent") is None
    assert VIEW.text("t", 4) == "text"
    assert VIEW.data("b", 5, 5) == b"bytes"
    assert VIEW.flag("yes") is VIEW.optional_flag("yes") is True
    assert VIEW.optional_flag("absent") is False
    assert VIEW.items("list", 1)[0].integer("n") == 1
    assert VIEW.part("map").plain("absent") == {}
    assert VIEW.plain("map") == {"k": [1]}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: VIEW.integer("n", 6, 9),
        lambda: VIEW.integer("yes"),
        lambda: VIEW.integer("t"),
        lambda: VIEW.integer("absent"),
        lambda: VIEW.optional_integer("t"),
        lambda: VIEW.text("t", 3),
        lambda: VIEW.text("b", 9),
        lambda: VIEW.data("b", 6, 9),
        lambda: VIEW.data("t", 0, 9),
        lambda: VIEW.flag("n"),
        lambda: VIEW.optional_flag("n"),
        lambda: VIEW.items("list", 0),
        lambda: VIEW.items("map", 9),
        lambda: VIEW.part("n"),
        lambda: VIEW.plain("list"),
        lambda: MapView([], "top"),
        lambda: MapView({"a": {1: 2}}, "top").plain("a"),
    ],
)
def test_everything_else_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(Corrupt, match="top"):
        wrong()


def test_errors_name_the_inner_place() -> None:
    with pytest.raises(Corrupt, match=r"top\.list\[0\]\.n"):
        VIEW.items("list", 1)[0].integer("n", 2, 3)


def nested(depth: int) -> object:
    return 1 if depth == 0 else [nested(depth - 1)]


def test_plain_values_are_bounded() -> None:
    assert is_plain(nested(HEADER_DEPTH_MAX))
    assert not is_plain(nested(HEADER_DEPTH_MAX + 1))
    assert is_plain([0] * HEADER_ITEMS_MAX)
    assert not is_plain([0] * (HEADER_ITEMS_MAX + 1))
    assert not is_plain({1: 2})
    assert not is_plain(1.5)
    assert not is_plain((1,))
