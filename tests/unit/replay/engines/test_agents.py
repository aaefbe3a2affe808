from __future__ import annotations

from replay.engines.agents import AgentDevices, HasAgent


def test_no_device_is_there_unless_it_is_named() -> None:
    devices = AgentDevices(tsc_hz=1)
    assert devices.console_fd is devices.stop_fd is None
    assert not devices.nets
    assert not devices.blocks


def test_an_engine_without_the_port_has_no_agent() -> None:
    assert not isinstance(object(), HasAgent)
