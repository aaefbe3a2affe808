"""Broken guests on the host's KVM: each ends as elsewhere, with the same memory and registers.

One does not where a kernel emulates its guests, and what is left of it there shows why.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from replay.engines.choice import why_unusable
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.testing.cases import case_plan, scripted_world
from replay.testing.digests import entry_count
from replay.toolchain.programs import Case, find_program
from tests.conformance.elsewhere import replay_elsewhere
from tests.conformance.integers import KVM, UNICORN, IntegerShelf
from tests.conformance.platforms import Platform, Trial, require
from tests.conformance.studio import Studio

FAULTS = find_program("faults")
RAISING = frozenset(
    (
        *("div0", "ud2", "int3", "gp", "jump", "low", "above", "badstack"),
        *("badidt", "badgdt", "badcr3", "farcr3", "hlt"),
    )
)
"""The processor's affair; what is wrong with a call is not found out by an engine."""

CASES = [case for case in FAULTS.cases(KVM.target) if case.name in RAISING]
FRAME_FIRST = "badgdt"
"""The guest without a usable GDT that raises an exception."""

WHY_FRAME_FIRST = (
    "kernels that emulate guests push an exception's frame before they look at the code segment"
)
FRAME = struct.Struct("<5Q")  # RIP, CS, RFLAGS, RSP, SS: Intel SDM volume 3, figure 6-9
IST_AT, IST_TRAP, IST_NESTED = 0x24, 2, 3  # figure 8-11, and guest/bindings/x86_64/bare
STACK_BYTES = 4096


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("faults")
    return Studio(folder, IntegerShelf(folder))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_broken_guest_is_broken_alike(studio: Studio, case: Case) -> None:
    require(KVM)
    if case.name == FRAME_FIRST and why_unusable(KVM.engine) is not None:
        pytest.skip(f"{KVM.name}: {WHY_FRAME_FIRST}")
    recording = studio.recording(Trial(KVM, FAULTS, case))
    replayed = replay_elsewhere(UNICORN, recording, watched=True)
    assert replayed.compared == entry_count(recording.log.read_bytes()) > 0
    assert (replayed.ending, replayed.console) == (recording.ending, recording.console)


@pytest.fixture
def ended(studio: Studio) -> Iterator[dict[str, Machine]]:
    """The guest without a GDT behind its end, by engine."""
    (case,) = (case for case in CASES if case.name == FRAME_FIRST)
    machines = {each.engine: _run(studio, each, case) for each in (KVM, UNICORN)}
    yield machines
    for machine in machines.values():
        machine.close()


def _run(studio: Studio, platform: Platform, case: Case) -> Machine:
    require(platform)
    plan, _ = case_plan(case, studio.shelf.guest(FAULTS, platform.target), FAULTS.name)
    machine = boot_machine(plan, platform.make_engine())
    Interposer(machine, scripted_world(case, plan)).run()
    return machine


@pytest.mark.slow
def test_what_an_emulating_kernel_leaves_besides(ended: dict[str, Machine]) -> None:
    """Two frames of one and the same exception, on the stacks of its gate and of the double fault's
    (which has the error code 0): those gates were entered before their segment was looked at. The
    guest has not moved, and all else is as on other engines."""
    if why_unusable(KVM.engine) is None:
        pytest.skip("this host's KVM does not emulate")
    there, here = ended[KVM.engine], ended[UNICORN.engine]
    assert there.engine.registers() == here.engine.registers()
    registers = here.engine.registers()
    frame = FRAME.pack(
        registers["rip"],
        registers["cs"],
        registers["rflags"] | 0x10000,
        registers["rsp"],
        registers["ss"],
    )
    expected = bytearray(here.ram.view)
    for number in (IST_TRAP, IST_NESTED):
        top = _interrupt_stack(here, number)
        assert bytes(STACK_BYTES) == expected[top - STACK_BYTES : top]
        expected[top - FRAME.size : top] = frame
    assert bytes(there.ram.view) == bytes(expected)


def _interrupt_stack(machine: Machine, number: int) -> int:
    """The top of one of the stacks in the guest's task state segment."""
    at = machine.engine.registers()["tr_base"] + IST_AT + 8 * (number - 1)
    return int.from_bytes(machine.ram.view[at : at + 8], "little")


def test_the_cases_exist() -> None:
    assert {case.name for case in CASES} == RAISING
