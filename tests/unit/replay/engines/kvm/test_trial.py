from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api, trial
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.device import open_device
from replay.engines.kvm.trial import DATA_GPA, PORT, Trial

LIMIT_S = 5


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "in_background", lambda action: action())


@pytest.fixture
def real() -> Callable[[str], Trial]:
    try:
        api.close(open_device())
    except EngineUnavailable as error:
        pytest.skip(str(error))
    return lambda code: Trial(bytes.fromhex(code))


def test_an_answer(real: Callable[[str], Trial]) -> None:
    """mov eax, 7; mov [DATA_GPA], eax; mov eax, [DATA_GPA]; out PORT, eax"""
    at = DATA_GPA.to_bytes(4, "little").hex()
    under = real(f"b807000000 890425{at} 8b0425{at} e7{PORT:02x}")
    assert under.run(LIMIT_S) == ExitReason.IO
    assert under.answer == (PORT, 7)
    assert under.run(LIMIT_S) == ExitReason.IO
    under.close()


def test_a_guest_that_never_ends_is_left(real: Callable[[str], Trial]) -> None:
    under = real("ebfe")
    with pytest.raises(InterruptedError):
        under.run(0.002)
    under.close()


def test_what_could_not_be_made_is_given_back(
    monkeypatch: pytest.MonkeyPatch, scripted: Any
) -> None:
    machine = scripted([])

    def refuse(_slots: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(machine, "set_memory", refuse)
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machine)
    with pytest.raises(OSError, match="allocate"):
        Trial(b"\xf4")
    assert machine.is_closed


def test_what_is_watched_is_told_to_the_kernel(
    monkeypatch: pytest.MonkeyPatch, scripted: Any
) -> None:
    machine = scripted([])
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machine)
    under = Trial(b"\xf4")
    under.watch((1, 2, 3, 4, 0, 0, 0, 7))
    under.close()
    assert machine.vcpu.debug == [
        (api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP, (1, 2, 3, 4, 0, 0, 0, 7))
    ]
