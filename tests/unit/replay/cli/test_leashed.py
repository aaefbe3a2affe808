"""The leash of a recorder, whose end a test holds; real recorders are in test_recorder_process."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from replay.cli import leashed


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that were sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *words: sent.append(words))
    return sent


def test_a_leash_that_ends_is_a_signal(killed: list[tuple[int, int]]) -> None:
    end, leash = os.pipe()
    os.close(leash)
    leashed._hold(end)
    os.close(end)
    assert killed == [(os.getpid(), signal.SIGINT)]


def test_who_is_free_is_left_alone(killed: list[tuple[int, int]]) -> None:
    end, leash = os.pipe()
    os.write(leash, leashed.FREE)
    os.close(leash)
    leashed._hold(end)
    os.close(end)
    assert killed == []


def test_it_records_with_the_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    end, leash = os.pipe()
    given: list[list[str]] = []

    def record(words: list[str]) -> int:
        given.append(words)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        return 7

    monkeypatch.setattr("replay.cli.record.main", record)
    monkeypatch.setattr(sys, "argv", ["-c", str(end), "--mem=4", "a.hvt"])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as exited:
            leashed.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert exited.value.code == 7
    assert given == [["--mem=4", "a.hvt"]]
    os.write(leash, leashed.FREE)
    os.close(leash)
