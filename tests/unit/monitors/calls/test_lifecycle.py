from __future__ import annotations

import signal

import pytest

from monitors.calls.lifecycle import MisuseKind

TENDER_ENDS = [kind for kind in MisuseKind if kind <= MisuseKind.UNHANDLED_EXIT]
SIGNALS = {
    MisuseKind.FORBIDDEN_CALL: signal.SIGSYS,
    MisuseKind.SEGMENTATION_FAULT: signal.SIGSEGV,
    MisuseKind.ILLEGAL_INSTRUCTION: signal.SIGILL,
    MisuseKind.ARITHMETIC_FAULT: signal.SIGFPE,
    MisuseKind.BREAKPOINT: signal.SIGTRAP,
    MisuseKind.BUS_ERROR: signal.SIGBUS,
}


def test_every_kind_has_one_of_two_endings():
    assert {*TENDER_ENDS, *SIGNALS} == set(MisuseKind)


@pytest.mark.parametrize("kind", TENDER_ENDS)
def test_an_hvt_tender_ends_with_status_1(kind):
    assert kind.process_status == 1


@pytest.mark.parametrize("kind", SIGNALS)
def test_an_spt_tender_dies_of_a_signal(kind):
    assert kind.process_status == 128 + SIGNALS[kind]
