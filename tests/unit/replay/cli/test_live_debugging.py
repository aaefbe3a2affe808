"""What a recording with a debugger has that one without has not; the real gdb has its own suite."""

from __future__ import annotations

import shutil
import signal
import socket
from typing import Any, cast

import pytest

from monitors.calls import Call, Result
from monitors.calls.lifecycle import DONE
from replay.cli import live_debugging
from replay.cli.live_debugging import LiveDebugging
from replay.cli.record import main
from replay.engines.errors import EngineFailure
from replay.gdbstub.live import LiveTarget
from replay.machine.ending import Ending, Halted, Stopped
from replay.machine.interpose import Interposer


class Source:
    """Answers everything alike."""

    def answer(self, _call: Call) -> Result:
        return DONE


class FakeInterposer:
    """A guest that ends when it is let go."""

    events = instructions = 0

    class machine:  # noqa: N801 (it stands for an object)
        class plan:  # noqa: N801
            guest_name, mem_size = "guest", 4096

        engine = None

    def run(self) -> Ending:
        return Halted(7)


INTERPOSER = cast("Interposer", FakeInterposer())


def test_without_a_debugger_all_is_as_it_would_be() -> None:
    source = Source()
    with LiveDebugging(None, 5) as debugging:
        assert debugging.stop_fd == 5
        assert debugging.source(source) is source
        assert debugging.drive(INTERPOSER) == Halted(7)


@pytest.mark.parametrize(
    ("change", "asked", "ending", "signals"),
    [
        ({}, None, Halted(7), []),
        ({"ending": Halted(3)}, None, Halted(3), []),
        ({"ending": Halted(3)}, signal.SIGINT, Halted(3), []),
        ({"killed": True}, None, Stopped(), [signal.SIGTERM]),
        ({}, signal.SIGINT, Stopped(), [signal.SIGINT]),
    ],
)
def test_how_debugging_ends_the_recording(
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    asked: signal.Signals | None,
    ending: Ending,
    signals: list[int],
) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)

    def serve(_self: object, target: LiveTarget, _where: str) -> signal.Signals | None:
        for name, value in change.items():
            setattr(target, name, value)
        return asked

    monkeypatch.setattr(LiveDebugging, "_serve", serve)
    ours, theirs = socket.socketpair()
    with ours, theirs, LiveDebugging("", ours.fileno()) as debugging:
        assert debugging.stop_fd != ours.fileno()
        assert debugging.source(Source()).answer(cast("Call", None)) is DONE
        assert debugging.drive(INTERPOSER) == ending
    assert raised == signals


def test_a_failure_is_that_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_self: object, target: LiveTarget, _where: str) -> None:
        target.failure = EngineFailure("broken")

    monkeypatch.setattr(LiveDebugging, "_serve", serve)
    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        LiveDebugging("1", ours.fileno()) as debugging,
        pytest.raises(EngineFailure),
    ):
        debugging.drive(INTERPOSER)


def test_without_gdb_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main(["--gdb", "no-such-guest.hvt"]) == 125
    assert "gdb is not installed" in capsys.readouterr().err
    assert live_debugging.Drive
