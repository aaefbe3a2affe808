"""Plans, through the header of a trace and back."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.elf import read_image
from monitors.errors import MonitorError
from monitors.manifest import AttachedBlock, AttachedNet, Manifest
from monitors.ports import GuestImage
from monitors.vcpu import virtual_cpu
from replay.machine.plan import MachinePlan, header_of, plan_of
from tests.unit.monitors.elf_builder import Elf
from traces.errors import Corrupt
from traces.header import VERSION, Header, header_from_map, header_to_map

GUEST = b"the bytes of a guest"
IMAGE = GuestImage("hvt", 2, Manifest(), 0x100000, (), (), 0x101000)
DISK = AttachedBlock(1, "storage", 1 << 40, 4096, 7)
NET = AttachedNet(2, "service0", b"\2\0\0\0\0\1", 1500, -1)
PLAN = MachinePlan(
    guest=GUEST,
    guest_name="a.hvt",
    mem_size=16 << 20,
    tsc_hz=2_100_000_000,
    cpu=virtual_cpu("westmere+rdrand"),
    command_line=b"some \xff words",
    attachments=(DISK, NET),
)


def header(plan: MachinePlan = PLAN, **options: object) -> Header:
    return header_of(plan, IMAGE, engine="any", created_by="a test", **options)


def stored(header_: Header) -> Header:
    """What a reader makes of the bytes of a header."""
    packed = msgpack.packb(header_to_map(header_))
    return header_from_map(msgpack.unpackb(packed), VERSION)


def with_cpu(cpu: dict[str, object]) -> Header:
    made = header()
    return replace(made, machine=replace(made.machine, cpu=cpu))


def test_a_plan_survives_a_trace() -> None:
    assert plan_of(stored(header()), GUEST) == PLAN


@given(
    mem_size=st.integers(1, 1 << 32),
    tsc_hz=st.integers(1, (1 << 64) - 1),
    command_line=st.binary(max_size=100),
    cpu=st.sampled_from(["westmere", "westmere+rdseed", "westmere+rdrand+rdseed"]),
    attachments=st.sampled_from([(), (DISK,), (NET,), (DISK, NET)]),
    executable_heap=st.booleans(),
)
def test_every_plan_survives_a_trace(cpu: str, **fields: object) -> None:
    plan = replace(PLAN, cpu=virtual_cpu(cpu), **fields)
    assert plan_of(stored(header(plan)), GUEST) == plan


def test_a_header_names_its_guest_by_content() -> None:
    guest = header().guest
    assert guest.sha256 == hashlib.sha256(GUEST).digest()
    assert (guest.name, guest.size, guest.embedded) == ("a.hvt", len(GUEST), True)
    assert (guest.target, guest.abi_version) == ("hvt", 2)


def test_target_and_version_are_those_of_the_image() -> None:
    data = Elf().build()
    image = read_image(data, name="b.hvt")
    made = header_of(replace(PLAN, guest=data), image, engine="any", created_by="a test")
    assert (made.guest.target, made.machine.monitor) == ("hvt", "hvt")
    assert (made.guest.size, made.guest.abi_version) == (len(data), image.abi_version)


def test_what_a_plan_does_not_hold_is_given() -> None:
    made = header(embed=False, recorded_at_ns=123)
    assert (made.created_by, made.machine.engine) == ("a test", "any")
    assert (made.guest.embedded, made.recorded_at_ns) == (False, 123)
    assert header().recorded_at_ns is None


def test_equal_plans_make_equal_headers() -> None:
    again = replace(PLAN, cpu=virtual_cpu("westmere+rdrand"), attachments=[DISK, NET])
    assert msgpack.packb(header_to_map(header(again))) == msgpack.packb(header_to_map(header()))


def test_another_guest_may_take_the_recorded_ones_place() -> None:
    plan = plan_of(header(), b"another")
    assert plan == replace(PLAN, guest=b"another")


@pytest.mark.parametrize(
    "cpu",
    [
        {},
        {"name": "westmere"},
        {"leaves": []},
        {"name": 5, "leaves": []},
        {"name": "a", "leaves": "many"},
        {"name": "a", "leaves": [[0, None, 1, 2, 3]]},
        {"name": "a", "leaves": [[0, None, 1, 2, 3, 1 << 32]]},
        {"name": "a", "leaves": [[0, None, 1, 2, 3, -1]]},
        {"name": "a", "leaves": [[0, "x", 1, 2, 3, 4]]},
        {"name": "a", "leaves": [7]},
        {"name": "a", "leaves": [[0, None, 1, 2, 3, 4]] * 257},
    ],
)
def test_an_impossible_processor_is_the_traces_fault(cpu: dict[str, object]) -> None:
    with pytest.raises(Corrupt, match="header's processor table is unusable: ") as caught:
        plan_of(stored(with_cpu(cpu)), GUEST)
    assert isinstance(caught.value.__cause__, MonitorError)


def test_a_processor_of_a_later_version_is_taken_as_it_is() -> None:
    cpu = {"name": "later", "leaves": [[1, None, 1, 2, 3, 4], [7, 1, 5, 6, 7, 8]]}
    plan = plan_of(stored(with_cpu(cpu)), GUEST)
    assert plan.cpu.name == "later"
    assert plan.cpu.cpuid(7, 1).eax == 5
    assert header(plan).machine.cpu == cpu
