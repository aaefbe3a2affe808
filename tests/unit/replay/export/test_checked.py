from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.export.checked import (
    LINES_MAX,
    BadReport,
    Checked,
    Kind,
    checked_data,
    decode_checked,
    encode_checked,
)

FAILED = Checked(
    "a.mp",
    Kind.FAILED,
    "faithful, guest failed as recorded",
    events=9,
    digests=1,
    guest_status=3,
    engine="some",
    seconds=0.25,
    console=("one", "two"),
    last_events=("#8 Halt",),
    backtrace=("0x1 main+0x1",),
    sources=("main.c:3",),
    command="solo5-replay a.mp --gdb -e",
)


def test_what_was_sent_arrives() -> None:
    assert decode_checked(encode_checked(FAILED)) == FAILED
    good = Checked("b.mp", Kind.FAITHFUL, "")
    assert decode_checked(encode_checked(good)) == good


def test_good_are_those_with_nothing_to_look_at() -> None:
    good = {kind for kind in Kind if Checked("a", kind, "").good}
    assert good == {Kind.FAITHFUL, Kind.COMPATIBLE}


def test_json_calls_the_kind_a_verdict() -> None:
    data = checked_data(FAILED)
    assert data["verdict"] == "guest-failed"
    assert "kind" not in data
    assert json.loads(json.dumps(data))["console"] == ["one", "two"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "splendid"},
        {"events": -1},
        {"events": True},
        {"events": 1 << 70},
        {"guest_status": "3"},
        {"seconds": "1"},
        {"seconds": float("nan")},
        {"text": None},
        {"console": "text"},
        {"console": [1]},
    ],
)
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    data = {**json.loads(encode_checked(FAILED)), **change}
    with pytest.raises(BadReport):
        decode_checked(json.dumps(data).encode())


@given(st.binary(max_size=80))
def test_any_bytes_are_a_verdict_or_refused(data: bytes) -> None:
    with pytest.raises(BadReport):
        decode_checked(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadReport):
        decode_checked(b"[" * 100_000)


def test_much_is_cut() -> None:
    data = json.loads(encode_checked(FAILED))
    data["console"] = [str(number) for number in range(1000)]
    data["text"] = "x" * 100_000
    found = decode_checked(json.dumps(data).encode())
    assert len(found.console) == LINES_MAX
    assert found.console[-1] == "999"
    assert len(found.text) < 20_000


def test_what_is_no_character_is_made_visible() -> None:
    data = json.loads(encode_checked(FAILED))
    data["text"] = "\ud800"
    assert decode_checked(json.dumps(data).encode()).text == "\\ud800"
