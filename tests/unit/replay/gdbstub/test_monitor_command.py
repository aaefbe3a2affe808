"""One command and its arguments."""

from __future__ import annotations

import pytest

from replay.gdbstub.errors import Refused
from replay.gdbstub.monitor_command import MonitorCommand, arrival, number
from replay.machine.position import Position
from replay.player.stops import Stop, Why


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        ("when", "when"),
        ("seek PLACE", "seek"),
        ("events [N|N..M]", "events"),
        ("delete checkpoint N", "delete checkpoint"),
        ("last-write ADDRESS SIZE", "last-write"),
    ],
)
def test_names_are_what_is_typed_in_any_case(usage: str, name: str) -> None:
    assert MonitorCommand(usage, "", str).name == name


def test_numbers() -> None:
    assert number("12") == 12
    assert number("0x1f") == 31
    for text in ("", "x", "-1", "1.5", "0x10000000000000000"):
        with pytest.raises(Refused):
            number(text)


def test_an_arrival_says_where_and_why() -> None:
    first, remark = arrival(Stop(Position(4, 2), Why.REACHED)).split("\n")
    assert first == "at 4+2"
    assert "maintenance flush register-cache" in remark
    assert arrival(Stop(Position(4), Why.INTERRUPTED)).startswith("interrupted, at 4\n")
