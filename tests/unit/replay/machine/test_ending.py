from __future__ import annotations

import signal
from typing import get_args

import pytest

from monitors.calls.lifecycle import MisuseKind
from replay.machine.ending import Ending, Halted, Misused, Reached, Stopped


@pytest.mark.parametrize(
    ("status", "seen"),
    [(0, 0), (1, 1), (255, 255), (256, 0), (300, 44), (-1, 255), (-(2**31), 0), (2**31 - 1, 255)],
)
def test_a_shell_sees_the_low_byte_of_a_status(status: int, seen: int) -> None:
    assert Halted(status).process_status == seen


@pytest.mark.parametrize("kind", [kind for kind in MisuseKind if kind <= 5])
def test_a_broken_hvt_rule_is_status_1(kind: MisuseKind) -> None:
    assert Misused(kind, "what was wrong").process_status == 1


@pytest.mark.parametrize(
    ("kind", "signal_number"),
    [
        (MisuseKind.FORBIDDEN_CALL, signal.SIGSYS),
        (MisuseKind.SEGMENTATION_FAULT, signal.SIGSEGV),
        (MisuseKind.ILLEGAL_INSTRUCTION, signal.SIGILL),
        (MisuseKind.ARITHMETIC_FAULT, signal.SIGFPE),
        (MisuseKind.BREAKPOINT, signal.SIGTRAP),
        (MisuseKind.BUS_ERROR, signal.SIGBUS),
    ],
)
def test_what_kills_an_spt_guest_is_seen_as_its_signal(
    kind: MisuseKind, signal_number: int
) -> None:
    assert Misused(kind, "what was wrong").process_status == 128 + signal_number


def test_endings_are_values() -> None:
    assert Halted(3, b"cookie") == Halted(3, b"cookie") != Halted(3)
    assert Misused(MisuseKind.INVALID_POINTER, "a") != Misused(MisuseKind.INVALID_POINTER, "b")
    assert len({Stopped(), Stopped(), Reached(), Reached(), Halted(0), Halted(0)}) == 3


def test_only_the_guests_own_endings_have_a_status() -> None:
    with_status = {kind for kind in get_args(Ending) if hasattr(kind, "process_status")}
    assert with_status == {Halted, Misused}
