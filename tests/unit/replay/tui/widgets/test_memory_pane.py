"""The pane of memory."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from replay.player.stops import Direction
from replay.tui.explorer import Explorer
from replay.tui.model.memory_search import BadPattern
from replay.tui.model.rows import Role, ToMemory
from replay.tui.recording import Recording
from replay.tui.widgets.memory_pane import MemoryPane
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.rows_view import RowsView
from tests.unit.replay.player.travelled import SECRET, Journey
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, look_again, show, shown, visit
from traces.reader import Trace


@pytest.fixture
def pane(trace: Trace) -> MemoryPane:
    return MemoryPane(Recording(trace))


def at(pane: MemoryPane) -> int:
    value = pane.value()
    assert value is not None
    return value.address


def test_at_first_it_shows_what_the_stack_pointer_points_to(
    pane: MemoryPane, explorer: Explorer
) -> None:
    async def script(_: Pilot[None]) -> None:
        assert pane.value() is None
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        assert at(pane) == explorer.timeline.registers()["rsp"]
        assert pane.cursor == at(pane) // 16

    show(Showing(pane), script)


def test_bytes_at_an_address_and_the_pointer_there(
    pane: MemoryPane, explorer: Explorer, everything: Journey
) -> None:
    secret = everything["secret"]

    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        pane.go_to(secret)
        await pilot.pause()
        look_again(pane, explorer)
        await pilot.pause()
        assert any("88 77 66 55 44 33 22 11" in row for row in shown(pane))
        assert pane.subtitle == f"{secret:#x} secret"
        assert pane.value() == ToMemory(secret, 8)
        detail = pane.detail()
        assert detail is not None
        assert f"{SECRET:#x}" in "".join(texts(detail))
        await pilot.press("enter")  # which is no pointer into memory
        await pilot.press("right")
        assert pane.value() == ToMemory(secret + 1, 1)

    told = show(Showing(pane), script)
    assert not [each for each in told if isinstance(each, RowsView.Chosen)]
    assert Pane.WantsLook(pane) in told


def test_what_is_behind_an_address_is_in_sight_with_it(
    pane: MemoryPane, explorer: Explorer
) -> None:
    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        far = at(pane) // 2
        pane.go_to(far)
        await pilot.pause()
        height = pane.scrollable_content_region.height
        row = pane.cursor - pane.scroll_offset.y
        assert 0 < row < height - 1
        await pilot.press(*["down"] * (height - row))  # by keys it goes on line by line
        await pilot.pause()
        assert pane.cursor - pane.scroll_offset.y == height - 1

    show(Showing(pane), script)


def test_a_pointer_is_followed(pane: MemoryPane, explorer: Explorer) -> None:
    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        await pilot.press("enter")  # where tick returns to

    (chosen,) = (each for each in show(Showing(pane), script) if isinstance(each, RowsView.Chosen))
    word = explorer.timeline.word(explorer.timeline.registers()["rsp"])
    assert getattr(chosen.target, "address", None) == word


def test_the_cursor_stays_in_memory(pane: MemoryPane, explorer: Explorer, trace: Trace) -> None:
    size = trace.header.machine.mem_size

    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.seek_exactly(e.timeline.position))
        for wanted, found in ((-5, 0), (1 << 64, size - 1)):
            pane.go_to(wanted)
            assert at(pane) == found
        await pilot.press("down", "right")
        assert at(pane) == size - 1
        pane.go_to(0)
        await pilot.press("up", "left")
        assert at(pane) == 0
        await pilot.press("down", "ctrl+right")
        assert at(pane) == 24

    show(Showing(pane), script)


def test_a_click_puts_the_cursor_on_a_byte(pane: MemoryPane, explorer: Explorer) -> None:
    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.seek_exactly(e.timeline.position))
        pane.go_to(0)
        await pilot.pause()
        row = shown(pane)[1]
        first = len(row) - len(row.partition(" ")[2].lstrip())
        await pilot.click(pane, offset=(first + 3, 1))
        assert at(pane) == 17

    show(Showing(pane), script)


def test_what_was_found_is_marked(
    pane: MemoryPane, explorer: Explorer, everything: Journey
) -> None:
    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        pane.show_found(everything["secret"], 8)
        look_again(pane, explorer)
        roles = {span.role for span in pane.rows.line(pane.cursor)}
        assert Role.MATCH in roles
        assert pane.search("hex:00", 1).direction is Direction.FORWARD
        with pytest.raises(BadPattern):
            pane.search("hex:0", 1)

    show(Showing(pane), script)


def test_what_has_changed_is_marked(
    pane: MemoryPane, explorer: Explorer, everything: Journey
) -> None:
    before, behind = everything.changes(0, 8)[1]

    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.seek_exactly(before))
        pane.go_to(everything.box + 16)  # in the same row or the next, and the cursor not on it
        await pilot.pause()
        look_again(pane, explorer)
        visit(pane, explorer, lambda e: e.seek_exactly(behind))
        row = pane.rows.line(everything.box // 16)
        assert Role.CHANGED in {span.role for span in row}

    show(Showing(pane), script)
