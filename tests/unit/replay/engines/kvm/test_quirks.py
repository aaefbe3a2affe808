from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import quirks, trial
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.trial import DATA_GPA


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(trial, "in_background", lambda action: action())
    quirks.watchpoints_fire.cache_clear()
    yield
    quirks.watchpoints_fire.cache_clear()


@pytest.mark.parametrize(
    ("reason", "fires"),
    [(ExitReason.DEBUG, True), (ExitReason.IO, False), (ExitReason.INTERNAL_ERROR, False)],
    ids=["VT-x", "emulating", "neither"],
)
def test_a_watched_write(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any, reason: int, fires: bool
) -> None:
    machine = scripted([leave(reason)])
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machine)
    assert quirks.watchpoints_fire() is fires
    _, registers = machine.vcpu.debug[0]
    assert registers[0] == DATA_GPA
    assert registers[7] >> 16 == 0b1101
    assert machine.is_closed


def test_it_is_tried_once(monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any) -> None:
    machines = [scripted([leave(ExitReason.DEBUG)])]
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machines.pop())
    assert quirks.watchpoints_fire()
    assert quirks.watchpoints_fire()


def test_a_guest_that_never_ends(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any
) -> None:
    machine = scripted([leave(ExitReason.INTR, error=InterruptedError())])
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machine)
    assert not quirks.watchpoints_fire()
    assert machine.is_closed


def test_no_machine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> object:
        raise EngineUnavailable("kvm", "there is none")

    monkeypatch.setattr(trial, "VirtualMachine", refuse)
    assert not quirks.watchpoints_fire()
