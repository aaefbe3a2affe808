"""Registers and signals of a traced process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from replay.engines.errors import EngineFailure
from replay.engines.native.child import Child
from replay.engines.native.ptrace import (
    CONTINUE,
    FLOATING_BYTES,
    INDEX,
    RAX,
    RIP,
    SINGLE_STEP,
    Tracee,
)


@pytest.fixture
def tracee() -> Iterator[Tracee]:
    child = Child([])
    yield child.tracee
    child.close()


def test_registers_are_stored_and_fetched(tracee: Tracee) -> None:
    words = tracee.fetch()
    words[RAX], words[INDEX["r15"]] = 1 << 63 | 5, 7
    tracee.store()
    words[RAX] = 0
    assert (tracee.fetch()[RAX], words[INDEX["r15"]]) == (1 << 63 | 5, 7)


def test_only_the_next_instruction_is_another(tracee: Tracee) -> None:
    words = tracee.fetch()
    before = words[RAX]
    words[RAX], words[RIP] = before + 1, 0x7FFF_1234_5678
    tracee.store_rip()
    tracee.fetch()
    assert (words[RAX], words[RIP]) == (before, 0x7FFF_1234_5678)


def test_selectors_and_the_stack_are_not_near(tracee: Tracee) -> None:
    words = tracee.fetch()
    rsp = words[INDEX["rsp"]]
    words[INDEX["r15"]], words[RAX], words[RIP] = 7, 1 << 63, 0x7FFF_1234_5678
    words[INDEX["rsp"]] = 8
    tracee.store_near()
    tracee.fetch()
    assert (words[INDEX["r15"]], words[RAX], words[RIP]) == (7, 1 << 63, 0x7FFF_1234_5678)
    assert words[INDEX["rsp"]] == rsp


def test_a_place_that_only_a_trap_leads_to_tells_the_signal(tracee: Tracee) -> None:
    """Whether or not the process is asked for its signal, there or elsewhere."""
    start = tracee.fetch()[RIP]  # the entry's INT3 is done, and more of them follow
    tracee.traps = {start + 1}
    for place in (start + 1, start + 2, start + 3):
        assert tracee.run(CONTINUE) == signal.SIGTRAP
        assert tracee.registers[RIP] == place


def test_a_process_that_is_gone_has_nothing_to_store(tracee: Tracee) -> None:
    tracee.fetch()
    os.kill(tracee.pid, signal.SIGKILL)
    os.waitid(os.P_PID, tracee.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(EngineFailure, match="SIGKILL"):
        tracee.store_near()


def test_a_run_ends_with_its_signal_and_its_registers(tracee: Tracee) -> None:
    rip = tracee.fetch()[RIP]
    assert tracee.run(SINGLE_STEP) == signal.SIGTRAP
    assert tracee.registers[RIP] != rip


def test_floating_point_state(tracee: Tracee) -> None:
    image = bytearray(tracee.floating())
    assert len(image) == FLOATING_BYTES
    image[160:176] = range(16)
    tracee.set_floating(bytes(image))
    assert tracee.floating()[160:176] == bytes(range(16))


def test_debug_registers(tracee: Tracee) -> None:
    tracee.set_debug_register(0, 0x1234000)
    assert tracee.debug_register(0) == 0x1234000
    with pytest.raises(OSError, match="22"):
        tracee.set_debug_register(0, 1 << 63)


def test_only_its_own_thread_may_ask(tracee: Tracee) -> None:
    failures: list[EngineFailure] = []

    def ask() -> None:
        try:
            tracee.fetch()
        except EngineFailure as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert "thread" in str(failures[0])
