"""The tree of errors of machines: one root, and none of the other packages' roots above it."""

from __future__ import annotations

import inspect

import pytest

from monitors.errors import MonitorError
from replay.engines.errors import EngineError
from replay.machine import errors
from replay.machine.errors import DeviceFailure, MachineError, WaitInterrupted
from traces.errors import TraceError

DEFINED = [error for _, error in inspect.getmembers(errors, inspect.isclass)]


def test_all_errors_hang_on_one_root() -> None:
    assert set(DEFINED) >= {MachineError, DeviceFailure, WaitInterrupted}
    assert all(issubclass(error, MachineError) for error in DEFINED)


@pytest.mark.parametrize("other", [MonitorError, EngineError, TraceError])
def test_the_root_is_of_no_other_package(other: type[Exception]) -> None:
    assert not any(issubclass(error, other) for error in DEFINED)


def test_an_operators_wish_is_no_failure() -> None:
    assert not issubclass(WaitInterrupted, DeviceFailure)
    assert not issubclass(DeviceFailure, WaitInterrupted)


def test_the_message_is_what_was_said() -> None:
    assert str(DeviceFailure("/dev/net/tun: no such file")) == "/dev/net/tun: no such file"
