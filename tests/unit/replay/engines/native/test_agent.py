from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from monitors.ports import Interrupted, PortWrite, Protection, Trap, TrapKind, UserFault
from replay.engines.agents import AgentDevices, Coverage
from replay.engines.errors import EngineFailure
from replay.engines.native.engine import NativeEngine
from replay.engines.ram import GuestRam
from tests.unit.replay.agents import require_agent

MEM_SIZE = 4 << 20
TEXT = 0x100000
DATA = 0x200000
CONTROL_OFFSET = 64


class Guest:
    """A few instructions in user mode on an engine with an agent that records."""

    def __init__(self, code: bytes, **registers: int) -> None:
        require_agent()
        self.ram = GuestRam(MEM_SIZE)
        self.ram.view[TEXT : TEXT + len(code)] = code
        self.engine = NativeEngine()
        protections = (
            Protection(0, 0x10000, writable=False, readable=False, executable=False),
            Protection(0x10000, TEXT, writable=True, executable=False),
            Protection(TEXT, TEXT + 0x1000, writable=False),
            Protection(TEXT + 0x1000, DATA, writable=True, executable=False),
            Protection(DATA, MEM_SIZE, writable=True, executable=False),
        )
        self.engine.map(self.ram, protections)
        state = {"cs": 0x33, "ss": 0x2B, "rflags": 0x202, "rip": TEXT, "rsp": MEM_SIZE - 64}
        self.engine.set_registers(state | registers)
        assert self.engine.agent is not None
        self.agent = self.engine.agent
        assert self.agent.record("spt", AgentDevices(tsc_hz=1_000_000_000))

    def close(self) -> None:
        self.engine.close()
        self.ram.close()


@pytest.fixture
def guests() -> Iterator[list[Guest]]:
    made: list[Guest] = []
    yield made
    for guest in made:
        guest.close()


# rdtsc; shl $32,%rdx; or %rdx,%rax; mov %rax,%rbx; ud2, behind a first site that is left alone:
# cpuid
CPUID = b"\x0f\xa2"
TSC = b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0"
LOOP_BACK = b"\xeb\xf5"  # to the beginning of TSC
UD2 = b"\x0f\x0b"


def started(guest: Guest) -> Guest:
    """Behind the cpuid that the guest begins with."""
    exit_, answered = guest.agent.run(1)
    assert isinstance(exit_, Trap)
    assert exit_.kind is TrapKind.CPUID
    assert answered == 0
    return guest


def test_a_site_is_answered_and_written_down(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + UD2)))
    exit_, answered = guest.agent.run(10)
    assert answered == 1
    assert isinstance(exit_, UserFault)
    (events,) = guest.agent.cut(stopped=True, wait=lambda: None)
    assert events.count == 1
    assert events.payload[:2] == b"\x92\x0b"
    cycles = int.from_bytes(events.payload[3:], "big")
    assert guest.engine.registers()["rax"] == cycles == guest.agent.clock.last_cycles


def test_it_stops_right_behind_the_last_crossing_allowed(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + UD2)))
    assert guest.agent.run(1) == (None, 1)
    assert guest.engine.registers()["rip"] == TEXT + len(CPUID) + 2
    exit_, answered = guest.agent.run(1)
    assert isinstance(exit_, UserFault)
    assert answered == 0


def test_without_room_the_door_gets_the_same_exit(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + UD2)))
    assert guest.agent.run(0) == (Trap(TrapKind.RDTSC), 0)
    assert guest.engine.registers()["rip"] == TEXT + len(CPUID) + 2
    assert isinstance(guest.engine.run(), UserFault)


def test_plain_runs_do_not_notice_the_jumps(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + UD2)))
    guest.agent.run(0)
    guest.engine.set_registers({"rip": TEXT + len(CPUID), "rax": 0, "rdx": 0})
    assert guest.engine.run() == Trap(TrapKind.RDTSC)


def test_a_branch_into_the_middle_of_a_jump_finds_the_old_code(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + UD2)))
    assert guest.agent.run(1) == (None, 1)
    middle = TEXT + len(CPUID) + 2
    guest.engine.set_registers({"rip": TEXT + len(CPUID), "rdx": 3, "rax": 0})
    guest.agent.run(1)
    # As the process would get there by itself, without the engine's knowledge.
    assert guest.engine._agent is not None
    guest.engine._agent.jumps._redirects.clear()
    guest.engine.set_registers({"rip": middle, "rdx": 3, "rax": 1})
    exit_, _ = guest.agent.run(1)
    assert isinstance(exit_, UserFault)
    assert guest.engine.registers()["rax"] == 3 << 32 | 1


def interrupt_and_drain(guest: Guest, ended: threading.Event) -> None:
    """Interrupt once the agent is at work; take its events, without which it would wait."""
    taken = 0
    while not ended.is_set():
        taken += sum(events.count for events in guest.agent.sealed())
        if taken and not ended.is_set():
            guest.engine.interrupt()


def test_an_interrupt_ends_a_loop_of_crossings_and_state_is_whole(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + TSC + LOOP_BACK)))
    ended = threading.Event()
    thread = threading.Thread(target=interrupt_and_drain, args=(guest, ended))
    thread.start()
    exit_, answered = guest.agent.run(1 << 40)
    ended.set()
    thread.join()
    if exit_ is None:  # the agent has left first, and the engine is asked before it goes on
        exit_, _ = guest.agent.run(1)
    assert isinstance(exit_, Interrupted)
    assert answered > 0
    rip = guest.engine.registers()["rip"]
    assert TEXT <= rip <= TEXT + len(CPUID + TSC + LOOP_BACK)
    assert guest.agent.run(5) == (None, 5)


def test_a_guest_in_the_agents_code_ends_in_a_report(guests: list[Guest]) -> None:
    # jmp *%rbx, to an address that no guest can know
    guests.append(guest := started(Guest(CPUID + b"\xff\xe3")))
    assert guest.engine._agent is not None
    base = guest.engine._agent._base
    guest.engine.set_registers({"rbx": base + guest.engine._agent._image.shared})
    with pytest.raises(EngineFailure, match="damaged the agent"):
        guest.agent.run(5)


def test_a_guest_that_spoils_the_agents_words_ends_in_a_report(guests: list[Guest]) -> None:
    # mov %rax,(%rbx); rdtsc...
    guests.append(guest := started(Guest(CPUID + b"\x48\x89\x03" + TSC + UD2)))
    assert guest.engine._agent is not None
    agent = guest.engine._agent
    words = agent._base + agent._image.shared
    at = type(agent.control).write_seq.offset
    guest.engine.set_registers({"rbx": words + at, "rax": 1 << 40})
    guest.agent.run(1)
    with pytest.raises(EngineFailure, match="damaged"):
        list(guest.agent.cut(stopped=True, wait=lambda: None))


def test_sites_without_a_jump_are_counted(guests: list[Guest]) -> None:
    # A branch before and behind the second rdtsc leaves no room for a jump there.
    guests.append(guest := started(Guest(CPUID + TSC + b"\xeb\x00\x0f\x31\xc3")))
    assert guest.agent.coverage == Coverage(reached=1, sites=2)


def test_ports_are_no_crossings_in_user_mode(guests: list[Guest]) -> None:
    guests.append(guest := started(Guest(CPUID + b"\xba\x01\x05\0\0\xef")))
    exit_, answered = guest.agent.run(5)
    assert not isinstance(exit_, PortWrite)
    assert isinstance(exit_, UserFault)
    assert answered == 0
