from __future__ import annotations

import pytest

from replay.player.expressions import BadExpression
from replay.player.named_values import parse_where
from replay.player.whereabouts import InMemory, InRegister
from tests.unit.replay.player.traced import Traced, at_end


def test_registers_variables_and_memory(traced: Traced) -> None:
    with at_end(traced) as (timeline, symbols):
        stack = timeline.registers()["rsp"]
        meant = {
            "$rax": InRegister("rax"),
            " $EAX ": InRegister("rax", 4),
            "$ah": InRegister("rax", 1, 1),
            "$r9d": InRegister("r9", 4),
            "$xmm3": InRegister("xmm3", 16),
            "counted": InMemory(traced["counted"], 8),
            "picked": InMemory(traced["picked"], 16),
            "u32[$rsp+8]": InMemory(stack + 8, 4),
            "0x1000 16": InMemory(0x1000, 16),
            "4096  8": InMemory(0x1000, 8),
        }
        assert {text: parse_where(text, symbols, timeline) for text in meant} == meant


@pytest.mark.parametrize("text", ["$rflags", "$cr3", "$nothing", "nothing", "", "1 + 1", "0x1000"])
def test_what_names_no_value(traced: Traced, text: str) -> None:
    with at_end(traced) as (timeline, symbols), pytest.raises(BadExpression):
        parse_where(text, symbols, timeline)
