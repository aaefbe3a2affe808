from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import Any

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api, probe, trial
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.device import open_device


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "in_background", lambda action: action())


def _answers(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, *transcript: Any
) -> EngineUnavailable | None:
    machine = scripted(list(transcript))
    monkeypatch.setattr(probe, "open_device", lambda: os.open(os.devnull, os.O_RDONLY))
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: machine)
    monkeypatch.setattr(probe, "FAST_ENOUGH_S", 60)
    found = probe.probe()
    assert machine.is_closed
    return found


def test_the_right_answer(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any, port_detail: Any
) -> None:
    end = leave(ExitReason.IO, port_detail(0x80), data=bytes((9, 0, 0, 0)))
    assert _answers(monkeypatch, scripted, end) is None


@pytest.mark.parametrize("port", [0x80, 0x81])
def test_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any, port_detail: Any, port: int
) -> None:
    end = leave(ExitReason.IO, port_detail(port), data=bytes((8 + port - 0x80, 0, 0, 0)))
    assert "wrongly" in str(_answers(monkeypatch, scripted, end))


def test_an_emulating_kernel(monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any) -> None:
    end = leave(ExitReason.INTERNAL_ERROR, b"\1")
    assert "emulates" in str(_answers(monkeypatch, scripted, end))


def test_another_exit(monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any) -> None:
    assert "exit 8" in str(_answers(monkeypatch, scripted, leave(ExitReason.SHUTDOWN)))


def test_a_kernel_that_hangs(monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any) -> None:
    end = leave(ExitReason.INTR, error=InterruptedError())
    assert "does not end" in str(_answers(monkeypatch, scripted, end))


def test_a_slow_one(
    monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any, port_detail: Any
) -> None:
    end = leave(ExitReason.IO, port_detail(0x80), data=bytes((9, 0, 0, 0)))
    monkeypatch.setattr(probe, "open_device", lambda: os.open(os.devnull, os.O_RDONLY))
    monkeypatch.setattr(trial, "VirtualMachine", lambda **_: scripted([end, end, end]))
    monkeypatch.setattr(probe, "FAST_ENOUGH_S", 0)
    assert "takes" in str(probe.probe())


def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch, scripted: Any, leave: Any) -> None:
    end = leave(ExitReason.UNKNOWN, error=OSError(errno.EINVAL, "Invalid argument"))
    assert "Invalid argument" in str(_answers(monkeypatch, scripted, end))


def test_a_guest_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real virtual machine, where there is one."""
    try:
        os.close(open_device())
    except EngineUnavailable as error:
        pytest.skip(str(error))
    monkeypatch.setattr(probe, "_CODE", b"\xeb\xfe")
    assert "does not end" in str(probe.probe())


def test_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "DEVICE", "/nowhere/kvm")
    assert "does not exist" in str(probe.probe())


def test_no_device_loads_nothing_of_the_engine() -> None:
    code = (
        "import sys\n"
        "from replay.engines.kvm import api, probe\n"
        "api.DEVICE = '/nowhere/kvm'\n"
        "assert probe.probe() is not None\n"
        "print(*(name for name in sys.modules if name.startswith('replay.engines.kvm.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert loaded == {"api", "device", "probe"}
