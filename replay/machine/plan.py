"""What a machine's initial state depends on, and its form in a trace's header."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from monitors.errors import MonitorError
from monitors.manifest import Attachment
from monitors.ports import GuestImage
from monitors.vcpu import VirtualCpu, from_header
from traces.errors import Corrupt
from traces.header import BootInfo, GuestInfo, Header, MachineInfo


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """All that a machine's initial state depends on. ``mem_size`` in bytes, ``tsc_hz`` in Hz."""

    guest: bytes
    guest_name: str
    mem_size: int
    tsc_hz: int
    cpu: VirtualCpu
    command_line: bytes = b""
    attachments: Sequence[Attachment] = ()
    executable_heap: bool = False


def header_of(
    plan: MachinePlan,
    image: GuestImage,
    *,
    engine: str,
    created_by: str,
    embed: bool = True,
    recorded_at_ns: int | None = None,
) -> Header:
    """The header of a trace of this plan's guest."""
    return Header(
        created_by=created_by,
        guest=GuestInfo(
            name=plan.guest_name,
            target=image.target,
            abi_version=image.abi_version,
            sha256=hashlib.sha256(plan.guest).digest(),
            size=len(plan.guest),
            embedded=embed,
        ),
        machine=MachineInfo(
            monitor=image.target,
            engine=engine,
            mem_size=plan.mem_size,
            tsc_hz=plan.tsc_hz,
            cpu=plan.cpu.to_header(),
        ),
        boot=BootInfo(plan.command_line, tuple(plan.attachments), plan.executable_heap),
        recorded_at_ns=recorded_at_ns,
    )


def plan_of(header: Header, guest: bytes) -> MachinePlan:
    """The plan that a header describes, for ``guest``; raises Corrupt for an impossible CPU."""
    try:
        cpu = from_header(header.machine.cpu)
    except MonitorError as error:
        raise Corrupt(f"the header's processor table is unusable: {error}") from error
    return MachinePlan(
        guest=guest,
        guest_name=header.guest.name,
        mem_size=header.machine.mem_size,
        tsc_hz=header.machine.tsc_hz,
        cpu=cpu,
        command_line=header.boot.command_line,
        attachments=header.boot.devices,
        executable_heap=header.boot.executable_heap,
    )
