"""Where a value comes from, as rows."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.origins import find_origin
from replay.player.whereabouts import InMemory, InRegister, Where
from replay.tui.explorer import Explorer
from replay.tui.model.rows import FixedRows, Role, ToEvent, ToMemory, ToPosition, ToRegister
from replay.tui.model.why import NOTHING_ASKED, why_rows
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import texts


def asked(explorer: Explorer, what: Where, label: str = "") -> FixedRows:
    return why_rows(find_origin(explorer.timeline, explorer.symbols, what), label)


def test_bytes_of_a_frame_lead_back_to_the_call_that_brought_them(
    explorer: Explorer, everything: Journey
) -> None:
    explorer.to_end()
    what = InMemory(everything.box + 768 + 12, 1)
    rows = asked(explorer, what, "frame\x1b[12]")
    lines = texts(rows)  # which are visible text
    assert lines[0].startswith("frame")
    assert rows.line(0)[0].target == ToMemory(what.address, 1)
    last = rows.line(len(rows) - 1)
    assert "byte 12 of net_read" in lines[-1]
    target = last[-1].target
    assert isinstance(target, ToEvent)
    explorer.to_event(target.event)
    assert f"#{target.event}" in lines[-1]


def test_each_step_leads_to_its_moment(explorer: Explorer, everything: Journey) -> None:
    explorer.to_end()
    rows = asked(explorer, InMemory(everything.box, 8))
    steps = [rows.line(index) for index in range(1, len(rows))]
    targets = [span.target for line in steps for span in line if span.target is not None]
    positions = [each.position for each in targets if isinstance(each, ToPosition)]
    assert positions
    assert positions == sorted(positions, reverse=True)


@pytest.mark.parametrize("what", [InRegister("rsp", 8)])
def test_a_register_is_named(explorer: Explorer, what: InRegister) -> None:
    explorer.seek(Position(3))
    rows = asked(explorer, what)
    assert rows.line(0)[0].target == ToRegister("rsp")
    assert "rsp" in texts(rows)[0]


def test_before_anything_is_asked_it_says_how() -> None:
    assert ":why" in " ".join(texts(NOTHING_ASKED))
    assert {span.role for line in NOTHING_ASKED.lines for span in line} == {Role.DIM}
