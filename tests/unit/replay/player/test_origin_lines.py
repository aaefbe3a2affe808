from __future__ import annotations

import re

from replay.machine.position import Position
from replay.player.origin_lines import call_text, describe, value_text
from replay.player.origins import CallBytes, Kind, Origin, OriginStep, find_origin
from replay.player.symbols import Place
from replay.player.whereabouts import InMemory, InRegister
from tests.unit.replay.player.traced import Traced, at_end

WHERE = InMemory(0x2000, 8)


def step(kind: Kind, **said: object) -> OriginStep:
    fields: dict[str, object] = {
        "position": Position(4, 3),
        "where": WHERE,
        "where_name": "order",
        "value": bytes(8),
        "instruction": "movq %rax, (%rdi)",
        "place": Place(0x1000, "take_slot", 4, "main.c", 101),
        "function": "take_slot",
    }
    return OriginStep(kind=kind, **{**fields, **said})  # type: ignore[arg-type]


def lines(*steps: OriginStep, label: str = "") -> list[str]:
    return describe(Origin(Position(9), WHERE, "order", bytes(8), steps), label)


def test_the_whole_way_of_a_value(traced: Traced) -> None:
    with at_end(traced) as (timeline, symbols):
        found = find_origin(timeline, symbols, InMemory(traced["pushed"], 8))
        shown = describe(found, "pushed")
    assert re.fullmatch(r"pushed \(8 bytes at 0x[0-9a-f]+\) = 0x100f0e0d0c0b0a09", shown[0])
    assert re.fullmatch(
        r"  \d+\+\d+: pushed from rdx, by movq %rdx, 0x\w+\(%rip\) in through_registers "
        r"main.c:\d+",
        shown[1],
    )
    assert re.fullmatch(r"  \d+\+\d+: rdx from stack 0x\w+, by popq %rdx in .*", shown[2])
    assert re.fullmatch(r"  bytes 8 to 15 of net_read #\d+ \(service0, 60 bytes\)", shown[-1])


def test_kinds_of_steps() -> None:
    place = "by movq %rax, (%rdi) in take_slot main.c:101"
    said = {
        step(Kind.COPIED, came_from_name="rax"): f"order from rax, {place}",
        step(Kind.KEPT): "order saved and restored in take_slot main.c:101",
        step(Kind.COMPUTED): f"order computed, {place}",
        step(
            Kind.COMPUTED, input_names=("rax", "rdx")
        ): f"order computed from rax and rdx, {place}",
        step(Kind.CONSTANT, note="0x5"): f"order is a constant, 0x5, {place}",
        step(Kind.LOST, note="why"): f"order not followed further: why, {place}",
        step(Kind.LOST, note="interrupted", instruction=""): "order: interrupted",
        step(Kind.INITIAL, note="0 since the start", instruction=""): (
            "order was never written: 0 since the start"
        ),
        step(Kind.CALL): f"order from a call, {place}",
        step(Kind.KEPT, place=Place(0x1000), function=""): "order saved and restored",
        step(Kind.KEPT, place=Place(0x1000, file="a.c", line=3), function=""): (
            "order saved and restored at a.c:3"
        ),
    }
    for each, text in said.items():
        assert lines(each)[1] == f"  4+3: {text}"


def test_a_part_of_the_value_is_followed() -> None:
    shown = lines(
        step(Kind.COPIED, came_from_name="rax"),
        step(Kind.COPIED, came_from_name="al", value=b"\7"),
        step(Kind.COPIED, value=b"\7", came_from_name="bl", where=InRegister("rax", 1)),
    )
    assert shown[2] == "  the first byte, 0x07:"
    assert len(shown) == 5


def test_what_was_asked_for() -> None:
    assert lines(step(Kind.KEPT))[0] == "order, 8 bytes at 0x2000 = 0x0000000000000000"
    named = lines(step(Kind.KEPT), label="order->id")[0]
    assert named == "order->id (order, 8 bytes at 0x2000) = 0x0000000000000000"
    register = Origin(Position(1), InRegister("rax"), "rax", bytes(8), (step(Kind.KEPT),))
    assert describe(register, "$rax")[0] == "$rax = 0x0000000000000000"
    assert describe(register, "sum")[0] == "sum (rax) = 0x0000000000000000"


def test_calls() -> None:
    data = CallBytes(812, "net_read", "net0", "", 12, 1, 60, 1)
    assert call_text(data) == "byte 12 of net_read #812 (net0, 60 bytes)"
    more = CallBytes(812, "net_read", "", "", 12, 1, 60, 8)
    assert call_text(more) == (
        "byte 12 of net_read #812 (60 bytes), where bytes 12 to 19 are alike"
    )
    assert call_text(CallBytes(3, "wall_clock", "", "ns", 0, 8, 8, 8)) == "ns of wall_clock #3"
    status = CallBytes(3, "net_read", "net0", "status", 0, 4, 4, 4)
    assert call_text(status) == "status of net_read #3 (net0)"


def test_values_and_nothing_for_a_terminal() -> None:
    assert value_text(b"\1\2") == "0x0201"
    assert value_text(b"\1\2\3") == "01 02 03"
    assert value_text(b"") == "nothing"
    hostile = step(Kind.KEPT, where_name="\x1b[31m", function="f\n")
    assert all(line.isprintable() for line in lines(hostile, label="a\x1bb"))
