"""What people do with gdb, in both directions, on recorded guests."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from replay.gdbstub.server import Server
from tests.gdb.driver import (
    GUEST,
    PATIENCE_S,
    NotingTarget,
    Typing,
    gdb,
    linear_digests,
    position_of,
)

Serve = Callable[..., tuple[NotingTarget, Server]]

pytestmark = pytest.mark.slow


def assert_as_in_a_linear_replay(target: NotingTarget) -> None:
    """Everything noted is what a plain replay has there."""
    expected = linear_digests(target.timeline.trace, [position for position, _ in target.noted])
    assert target.noted
    for position, digest in target.noted:
        assert digest == expected[position], f"at {position}"


@pytest.mark.parametrize("architecture", ["hvt", "spt"])
def test_forward_and_backward_by_lines_and_functions(serve: Serve, architecture: str) -> None:
    target, server = serve("flaky", "corrupt", architecture)
    shown = gdb(
        server,
        [
            "break audit",
            "continue",
            "when",
            "next",
            "next",
            "step",
            "backtrace",
            "up",
            "reverse-step",
            "reverse-next",
            "reverse-next",
            "when",
            "delete",
            "stepi",
            "reverse-stepi",
            "when",
            "break main.c:158",
            "reverse-continue",
            "when",
            "print solo5_app_main::desk",
            "ptype solo5_app_main::desk.index",
            "finish",
            "reverse-finish",
            "when",
        ],
    )
    assert "Breakpoint 1, audit" in shown[1]
    assert "order_is_sound" in "".join(shown[3:7])
    assert re.search(r"#\d+ .*solo5_app_main .*main.c:24\d", shown[6])
    assert position_of(shown[15]) == position_of(shown[11])
    assert "Breakpoint 2" in shown[17]
    assert "orders = 39" in shown[19]
    assert "size_t capacity;" in shown[20]
    assert "Error" not in "".join(shown)
    assert_as_in_a_linear_replay(target)


def test_registers_of_all_kinds(serve: Serve) -> None:
    _, server = serve("fpu")
    rip, flags, xmm, stack, base, control, unknown, region = gdb(
        server,
        [
            "info registers rip",
            "info registers eflags",
            "print $xmm0.v2_int64",
            "info float",
            "print $fs_base",
            "print $cr3",
            "print $cr7",
            "info mem",
        ],
    )
    assert re.search(r"rip +0x[0-9a-f]+ +0x[0-9a-f]+ <_start>", rip)
    assert re.search(r"eflags +0x2 +\[ \]", flags)
    assert "= {0, 0}" in xmm
    assert "Extended Precision (64-bits)" in stack
    assert stack.count("Empty") == 8
    assert "= 0" in base
    assert re.search(r"= [1-9]\d*", control)
    assert "void" in unknown
    assert "0x0000000001000000 rw" in region


def test_watchpoints_in_both_directions(serve: Serve) -> None:
    target, server = serve("flaky", "corrupt")
    go = ["continue", "when"] * 3 + ["reverse-continue", "when"] * 3
    shown = gdb(
        server,
        [
            "tbreak do_business",
            "continue",
            "watch solo5_app_main::desk.orders",
            *go,
            "delete",
            "rwatch solo5_app_main::desk.payments",
            "continue",
            "delete",
            "awatch solo5_app_main::desk.refused",
            "continue",
            "reverse-continue",
        ],
    )
    forward, backward = shown[3:9], shown[9:15]
    for number in range(3):
        assert f"Old value = {number}\nNew value = {number + 1}" in forward[2 * number]
        assert f"Old value = {3 - number}\nNew value = {2 - number}" in backward[2 * number]
    # A forward stop is behind the write, a backward one before it: one instruction between them.
    ahead = [position_of(each) for each in forward[1::2]]
    back = [position_of(each) for each in backward[1::2]]
    for after, before in zip(ahead, reversed(back), strict=True):
        event, _, instructions = before.partition("+")
        assert after == f"{event}+{int(instructions) + 1}"
    assert "Hardware read watchpoint" in shown[17]
    assert "Value = " in shown[17]
    assert "Hardware access (read/write) watchpoint" in shown[20]
    assert_as_in_a_linear_replay(target)


def test_a_watchpoint_in_software(serve: Serve) -> None:
    """gdb steps and compares by itself."""
    target, server = serve("flaky", "corrupt")
    shown = gdb(
        server,
        [
            "break main.c:162",
            "continue",
            "set can-use-hw-watchpoints 0",
            "watch solo5_app_main::desk.orders",
            "continue",
            "when",
            "reverse-continue",
            "when",
        ],
    )
    assert shown[3].startswith("Watchpoint 2")
    assert "Old value = 0\nNew value = 1" in shown[4]
    assert "Old value = 1\nNew value = 0" in shown[6]
    assert_as_in_a_linear_replay(target)


def test_conditions_are_evaluated_in_the_stub_in_both_directions(serve: Serve) -> None:
    target, server = serve("flaky", "corrupt")
    shown = gdb(
        server,
        [
            "break main.c:157 if solo5_app_main::desk.orders == 30",
            "continue",
            "print solo5_app_main::desk.orders",
            "when",
            "condition 1 solo5_app_main::desk.orders % 10 == 4",
            "reverse-continue",
            "print solo5_app_main::desk.orders",
            "when",
            "tbreak *$pc if $rsp == 0",
            "ignore 1 1",
            "reverse-continue",
            "print solo5_app_main::desk.orders",
            "info breakpoints",
        ],
    )
    assert shown[2].endswith("= 30\n")
    assert shown[6].endswith("= 24\n")
    assert shown[11].endswith("= 4\n")
    assert "(target evals)" in shown[12] or "stop only if" in shown[12]
    assert_as_in_a_linear_replay(target)


def test_functions_are_called_as_if_they_had_not_been(serve: Serve) -> None:
    target, server = serve("flaky", "corrupt")
    shown = gdb(
        server,
        [
            "break do_business",
            "continue",
            "when",
            "print memset(0x10b400, 0x5a, 16)",
            "x/1gx 0x10b400",
            "when",
            "set var solo5_app_main::desk.orders = 3",
            "print solo5_app_main::desk.orders",
            "print memset(0x10b400, 0x5a, 16)",
            "next",
            "when",
            "reverse-stepi",
            "print solo5_app_main::desk.orders",
            "when",
            "continue",
        ],
    )
    assert "= (void *) 0x10b400" in shown[3]
    assert shown[4].endswith("0x0000000000000000\n")
    assert shown[5] == shown[2]
    assert shown[7].endswith("= 3\n")
    assert "on a diversion" in shown[10]
    assert shown[12].endswith("= 0\n")
    assert shown[13] == shown[2]
    assert len(target.said) == 1
    assert target.said[0].startswith(f"a diversion begins at {position_of(shown[2])}")
    assert_as_in_a_linear_replay(target)


def test_a_fault_is_a_stop_with_the_way_back_open(serve: Serve) -> None:
    target, server = serve("exception")
    shown = gdb(
        server,
        ["continue", "when", "continue", "reverse-stepi", "when", "continue", "backtrace"],
    )
    assert "received signal SIGSEGV" in shown[0]
    assert "No more reverse-execution history" in shown[2]
    assert position_of(shown[4]) != position_of(shown[1])
    assert "received signal SIGSEGV" in shown[5]
    assert_as_in_a_linear_replay(target)


def test_both_ends_of_the_recording(serve: Serve) -> None:
    target, server = serve("hello")
    shown = gdb(
        server, ["reverse-stepi", "when", "continue", "when", "stepi", "reverse-continue", "when"]
    )
    assert [position_of(shown[index]) for index in (1, 3, 6)] == ["0", "18", "0"]
    assert all("No more reverse-execution history" in shown[index] for index in (0, 2, 4, 5))
    assert_as_in_a_linear_replay(target)


def test_our_commands_move_gdb_too(serve: Serve) -> None:
    target, server = serve("flaky", "corrupt")
    shown = gdb(
        server,
        [
            "seek end",
            "checkpoint",
            "watch solo5_app_main::desk.orders",
            "last solo5_app_main::desk.orders",
            "print solo5_app_main::desk.orders",
            "back",
            "when",
            "forward",
            "when",
            "reverse-continue",
            "seek 100+5",
            "info registers rip",
            "restart 1",
            "when",
            "run 100+5",
            "when",
            "info registers rip",
            "run c1",
            "when",
            "delete",
            "break audit",
            "set args",
            "run",
            "info checkpoints",
            "events 100..102",
            "console",
            "seek 100000",
            "last 5",
            "monitor help",
        ],
    )
    assert shown[0].startswith("at 501\n#0 ")
    assert shown[1] == "checkpoint 1 at 501\n"
    assert shown[4].endswith("= 39\n")
    assert position_of(shown[6]) == "501"
    assert shown[3].startswith(f"at {position_of(shown[8])}\n")
    assert "Old value = 39\nNew value = 38" in shown[9]
    assert shown[11] == shown[16]
    assert [position_of(shown[index]) for index in (13, 15, 18)] == ["501", "100+5", "501"]
    assert "Breakpoint 2, audit" in shown[22]
    assert shown[23] == "   1 at 501\n"
    assert len(shown[24].splitlines()) == 3
    assert "Solo5 standalone test_flaky" in shown[25]
    assert "position 100000" in shown[26]
    assert "not in memory" in shown[27]
    assert "monitor when" in shown[28]
    assert_as_in_a_linear_replay(target)


def test_another_gdb_goes_on_where_one_has_left(serve: Serve) -> None:
    target, server = serve("flaky", "corrupt")
    first = gdb(server, ["break audit", "continue", "when", "detach"])
    second = gdb(server, ["when", "stepi", "reverse-stepi", "when", "disconnect"])
    assert position_of(second[0]) == position_of(first[2]) == position_of(second[3])
    assert_as_in_a_linear_replay(target)


def test_ctrl_c_stops_long_journeys_in_both_directions(serve: Serve) -> None:
    target, server = serve("compute")
    lines = (GUEST / "programs" / "compute" / "main.c").read_text().splitlines()
    inner_loop = next(number for number, line in enumerate(lines, 1) if "sum += w->a" in line)
    with Typing(server) as typing:
        typing.type("seek 14+1500000", f"break main.c:{inner_loop} if $rsp == 0")
        typing.type("info breakpoints")
        typing.wait_for("stop only if $rsp == 0")
        for command in ("reverse-continue", "continue"):
            target.running.clear()
            typing.type(command)
            assert target.running.wait(PATIENCE_S)
            typing.press_ctrl_c()
            typing.wait_for("received signal SIGINT")
            typing.type("when")
            typing.wait_for(" of 18")
        typing.type("delete", "stepi", "when", "detach")
        typing.wait_for("detached")
    assert_as_in_a_linear_replay(target)


@pytest.mark.parametrize("architecture", ["hvt", "spt"])
def test_why_a_value_is_what_it_is(serve: Serve, architecture: str) -> None:
    """The bug of the desk in one question; a variable in a register; bytes of a frame."""
    target, server = serve("flaky", "corrupt", architecture)
    *_, before, why, variable, register, nothing, after = gdb(
        server,
        [
            "seek end",
            "break main.c:204",
            "reverse-continue",
            "when",
            "why order->id",
            "why order",
            "why $rip",
            "why 5",
            "when",
        ],
    )
    assert re.match(r"order->id \(8 bytes at 0x[0-9a-f]+\) = 0xc9cf6e2956ed237e\n", why)
    assert re.search(r"  9[12]\+\d+: .* in index_grow main.c:101\n", why)
    assert "draw main.c:6" in why.splitlines()[-1]
    assert re.match(r"order \(\$r\w+\) = 0x[0-9a-f]{16}\n", variable)
    assert "book_entry" in variable
    assert "no register whose writes can be found" in register
    assert "neither in memory nor in a register" in nothing
    assert before == after
    assert_as_in_a_linear_replay(target)


def test_why_for_what_came_over_the_network(serve: Serve) -> None:
    _, server = serve("net", "pings")
    *_, first, whole, much = gdb(
        server,
        [
            "seek end",
            "back-to call:net_write",
            "why *(char *)buf",
            "why *(long *)((char *)buf + 34)",
            "why *(char (*)[65])buf",
        ],
    )
    assert re.search(r"\n  byte 6 of net_read #\d+ \(service0, 60 bytes\)\n$", first)
    assert "in copy_up string.c:21" in first
    assert re.search(r"8 bytes at 0x[0-9a-f]+", whole)
    assert "a value has from 1 to 64" in much
