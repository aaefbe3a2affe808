"""Who learns of a failing host."""

from __future__ import annotations

import pytest

from replay.devices.host_errors import ends_the_run, is_answered
from replay.machine.errors import DeviceFailure


def test_the_operator() -> None:
    with pytest.raises(DeviceFailure, match="the disk is on fire"):
        ends_the_run("the disk is on fire")


def test_the_guest() -> None:
    assert is_answered("the disk is on fire") == 3
