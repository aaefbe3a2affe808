"""Verbs that ask and change nothing."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.errors import PlayerError
from replay.player.whereabouts import InMemory, InRegister
from replay.tui.desk import Refusal
from replay.tui.explorer import Explorer
from replay.tui.handlers.asking import printed, whereabouts
from replay.tui.model.rows import ToMemory, ToRegister
from tests.unit.replay.player.travelled import SECRET, Journey
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


def test_what_an_expression_names(explorer: Explorer, everything: Journey) -> None:
    assert whereabouts(explorer, "$rax") == InRegister("rax", 8)
    assert whereabouts(explorer, " $XMM3") == InRegister("xmm3", 16)
    assert whereabouts(explorer, "secret") == InMemory(everything["secret"], 8)
    assert whereabouts(explorer, "u16[$rsp + 2]").size == 2
    with pytest.raises(PlayerError):
        whereabouts(explorer, "no_such_thing")


def test_values_in_words(explorer: Explorer) -> None:
    assert printed(explorer, "/x secret") == f"secret = {SECRET:#x}"
    assert printed(explorer, "2 + 3") == "2 + 3 = 5"


def test_printing_is_answered_and_mistakes_are_refused(desk: FakeDesk) -> None:
    desk.do("print", "/u secret")
    assert desk.answers == [f"secret = {SECRET}"]
    for bad in ("", "/q secret", "nothing_of_this_name", "1 +"):
        with pytest.raises(Refusal):
            desk.do("print", bad)
    assert len(desk.answers) == 1


def test_the_backtrace_is_a_pane(desk: FakeDesk) -> None:
    desk.do("backtrace")
    assert desk.did == ["reveal stack"]


def test_why_a_value_is_what_it_is(desk: FakeDesk, everything: Journey) -> None:
    desk.do("end")
    desk.do("why", "u8[&box + 768]")
    origin = desk.why.origin
    assert origin is not None
    assert origin.what == InMemory(everything.box + 768, 1)
    assert origin.call is not None
    assert desk.asked == ["why u8[&box + 768]"]
    assert desk.did == ["reveal why"]


def test_why_without_a_name_is_about_what_is_under_the_cursor(desk: FakeDesk) -> None:
    desk.pane = desk.registers
    with pytest.raises(Refusal, match=r"name one, as in `why \$rax`"):
        desk.do("why")
    desk.registers.under = ToRegister("rsp")
    desk.do("why")
    assert desk.why.origin is not None
    assert isinstance(desk.why.origin.what, InRegister)


def test_the_last_write(desk: FakeDesk, everything: Journey) -> None:
    desk.do("end")
    desk.do("last", "u64[&box]")
    assert desk.moment is not None
    assert desk.moment.position == everything.changes(0, 8)[-1][0]
    desk.pane, desk.registers.under = desk.registers, ToMemory(everything["secret"])
    desk.do("last")  # which nobody has ever written
    assert desk.said[-1].startswith("nobody wrote")
    desk.registers.under = None
    with pytest.raises(Refusal, match="`last total`"):
        desk.do("last")


def test_memory_at_an_address(desk: FakeDesk, everything: Journey) -> None:
    for argument in ("&secret", "/8xb &secret", hex(everything["secret"])):
        desk.do("x", argument)
    assert desk.memory.gone_to == [everything["secret"]] * 3
    for bad in ("", "/x", "nothing_of_this_name"):
        with pytest.raises(Refusal):
            desk.do("x", bad)


def test_frames(desk: FakeDesk) -> None:
    desk.stack.chosen = 2
    for command, argument in (("frame", ""), ("frame", "3"), ("up", ""), ("down", "2")):
        desk.do(command, argument)
    assert desk.did == [f"select_frame {number}" for number in (0, 3, 3, 0)]
    for bad in ("one", "-1", "9" * 5000):
        with pytest.raises(Refusal, match="not a frame's number"):
            desk.do("frame", bad)


def test_code_of_a_place(desk: FakeDesk, everything: Journey) -> None:
    desk.do("list", "tick")
    desk.do("list")  # where the guest stands
    assert desk.code.gone_to == [everything["tick"], None]
    with pytest.raises(Refusal):
        desk.do("list", "nowhere")


def test_nothing_of_it_moves_the_guest(desk: FakeDesk) -> None:
    for command in ("print secret", "x $rsp", "list tick", "why $rsp", "info program"):
        desk.do(*command.split(" ", 1))
    assert desk.explorer is not None
    assert desk.explorer.timeline.position == Position(0)
    assert desk.travels == []
