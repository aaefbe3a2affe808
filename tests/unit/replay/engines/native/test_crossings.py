from __future__ import annotations

import pytest

from replay.engines.agents import AgentDevices, Coverage, HasAgent
from replay.engines.native.agent import Agent
from replay.engines.native.agent_image import find_agent
from replay.engines.native.crossings import NativeCrossings, bitmap_bytes
from replay.engines.native.engine import NativeEngine
from tests.unit.replay.agents import require_agent


def unattached() -> NativeCrossings:
    """The port of an agent that is in no process."""
    require_agent()
    image = find_agent()
    assert image is not None
    return NativeCrossings(Agent(image), lambda: None, lambda: None)


def test_an_unknown_target_is_left_to_the_door() -> None:
    assert unattached().replay("muen", AgentDevices(1)) is False


def test_printed_bytes_are_counted_once() -> None:
    crossings = unattached()
    crossings._control.console_bytes = 7
    assert crossings.take_printed() == 7
    assert crossings.take_printed() == 0


def test_what_was_fed_comes_back_where_nothing_ran() -> None:
    crossings = unattached()
    crossings.feed(b"\x92\x01\x05", 0, (1, 2, 3, 4))
    assert crossings.fed() == (0, (1, 2, 3, 4))


def test_an_agent_in_no_process_reaches_nothing() -> None:
    assert unattached().coverage == Coverage(reached=0, sites=0)


def test_the_clock_is_shared() -> None:
    crossings = unattached()
    crossings.clock.last_cycles = 5
    crossings.clock.timer_ns = 6
    assert (crossings._control.last_cycles, crossings._control.timer_ns) == (5, 6)
    assert (crossings.clock.last_cycles, crossings.clock.timer_ns) == (5, 6)


@pytest.mark.parametrize(
    ("capacity", "size"), [(512, 4096), (1 << 24, 4096), ((1 << 24) + 512, 8192)]
)
def test_bitmaps_are_whole_pages(capacity: int, size: int) -> None:
    assert bitmap_bytes(capacity) == size


def test_an_engine_without_a_guest_has_the_port() -> None:
    assert isinstance(NativeEngine(), HasAgent)
