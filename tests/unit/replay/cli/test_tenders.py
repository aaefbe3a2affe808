"""Tenders as programs."""

from __future__ import annotations

import signal

import pytest

from monitors.registry import MONITORS
from replay.cli.tenders import HVT, SPT, tender_of


def test_every_target_has_one() -> None:
    assert [tender_of(name) for name in sorted(MONITORS)] == [HVT, SPT]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(number: int) -> None:
    assert HVT.status_of_signal(number) == 1
    assert SPT.status_of_signal(number) == 128 + number


def test_a_stop_without_a_signal() -> None:
    assert HVT.status_of_signal(None) == SPT.status_of_signal(None) == 1
