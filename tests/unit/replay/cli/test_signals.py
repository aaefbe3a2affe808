"""Signals that end a program which somebody looks at."""

from __future__ import annotations

import signal

import pytest

from replay.cli.signals import on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_action_takes_a_signals_place(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    came: list[int] = []
    with on_signals(came.append):
        signal.raise_signal(number)
    assert came == [number]
    assert signal.getsignal(number) is before
