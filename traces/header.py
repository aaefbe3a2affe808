"""A trace's header: everything that a replay must know before the guest's first instruction.

Keys are only added, never given another meaning; "format", "version" and "created_by" stay the
first three in every version to come, so that any reader can say what a file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitors.manifest import AttachedBlock, AttachedNet, Attachment
from traces.errors import WrongVersion
from traces.limits import (
    COMMAND_LINE_BYTES_MAX,
    DEVICES_MAX,
    GUEST_BYTES_MAX,
    MEM_SIZE_MAX,
    NAME_CHARS_MAX,
    U32_MAX,
)
from traces.maps import MapView

FORMAT = "solo5-replay trace"
VERSION = (1, 0)
"""Major and minor version of the format that this program writes."""

PlainMap = Mapping[str, object]
"""A map of nil, booleans, integers, text, bytes, and lists and maps of those."""


@dataclass(frozen=True, slots=True)
class GuestInfo:
    """Which guest ran: ``sha256`` (32 bytes) and ``size`` (bytes) are those of its whole ELF file.

    ``name`` is for people and never a path to open; ``embedded``: the file is in the trace.
    """

    name: str
    target: str
    abi_version: int
    sha256: bytes
    size: int
    embedded: bool


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """The machine: ``mem_size`` in bytes; ``cpu`` is the table that CPUID was answered from."""

    monitor: str
    engine: str
    mem_size: int
    tsc_hz: int
    cpu: PlainMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BootInfo:
    """What the operator gave the guest: its command line without the NUL, its devices, and leave to
    execute its heap and stack where the target withholds that."""

    command_line: bytes = b""
    devices: tuple[Attachment, ...] = ()
    executable_heap: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """All of it. ``recorded_at_ns`` (since 1970, UTC) and ``host`` only for live recordings."""

    created_by: str
    guest: GuestInfo
    machine: MachineInfo
    boot: BootInfo = field(default_factory=BootInfo)
    version: tuple[int, int] = VERSION
    recorded_at_ns: int | None = None
    host: PlainMap = field(default_factory=dict)
    options: PlainMap = field(default_factory=dict)


def header_to_map(header: Header) -> dict[str, object]:
    """The map that stands first in the file, its keys in the format's order."""
    guest, machine, boot = header.guest, header.machine, header.boot
    return {
        "format": FORMAT,
        "version": list(header.version),
        "created_by": header.created_by,
        "guest": {
            "name": guest.name,
            "target": guest.target,
            "abi_version": guest.abi_version,
            "sha256": guest.sha256,
            "size": guest.size,
            "embedded": guest.embedded,
        },
        "machine": {
            "monitor": machine.monitor,
            "engine": machine.engine,
            "mem_size": machine.mem_size,
            "tsc_hz": machine.tsc_hz,
            "cpu": machine.cpu,
        },
        "boot": {
            "command_line": boot.command_line,
            "devices": [_device_to_map(device) for device in boot.devices],
            **({"executable_heap": True} if boot.executable_heap else {}),
        },
        "recorded_at_ns": header.recorded_at_ns,
        "host": header.host,
        "options": header.options,
    }


def header_from_map(value: object, version: tuple[int, int]) -> Header:
    """The header in a map of this major version; raises Corrupt or WrongVersion."""
    view = MapView(value, "header")
    return Header(
        created_by=view.text("created_by", NAME_CHARS_MAX),
        guest=_guest_from(view.part("guest")),
        machine=_machine_from(view.part("machine")),
        boot=_boot_from(view.part("boot")),
        version=version,
        recorded_at_ns=view.optional_integer("recorded_at_ns"),
        host=view.plain("host"),
        options=view.plain("options"),
    )


def _guest_from(view: MapView) -> GuestInfo:
    return GuestInfo(
        name=view.text("name", NAME_CHARS_MAX),
        target=view.text("target", NAME_CHARS_MAX),
        abi_version=view.integer("abi_version", 0, U32_MAX),
        sha256=view.data("sha256", 32, 32),
        size=view.integer("size", 0, GUEST_BYTES_MAX),
        embedded=view.flag("embedded"),
    )


def _machine_from(view: MapView) -> MachineInfo:
    return MachineInfo(
        monitor=view.text("monitor", NAME_CHARS_MAX),
        engine=view.text("engine", NAME_CHARS_MAX),
        mem_size=view.integer("mem_size", 1, MEM_SIZE_MAX),
        tsc_hz=view.integer("tsc_hz", 1),
        cpu=view.plain("cpu"),
    )


def _boot_from(view: MapView) -> BootInfo:
    devices = view.items("devices", DEVICES_MAX)
    return BootInfo(
        command_line=view.data("command_line", 0, COMMAND_LINE_BYTES_MAX),
        devices=tuple(_device_from(device) for device in devices),
        executable_heap=view.optional_flag("executable_heap"),
    )


def _device_to_map(device: Attachment) -> dict[str, object]:
    """A device as its guest sees it (mft_abi.h, struct mft, MFT_VERSION 1)."""
    properties: dict[str, object]
    match device:
        case AttachedBlock():
            properties = {"type": "block", "capacity": device.capacity_bytes}
            properties["block_size"] = device.block_size
        case AttachedNet():
            properties = {"type": "net", "mac": device.mac, "mtu": device.mtu}
    place = {"handle": device.handle, "name": device.name, "hostfd": device.hostfd}
    return {**place, **properties}


def _device_from(view: MapView) -> Attachment:
    handle = view.integer("handle", 0, DEVICES_MAX)
    name = view.text("name", NAME_CHARS_MAX)
    hostfd = view.integer("hostfd", -(2**31), 2**31 - 1)
    match view.text("type", NAME_CHARS_MAX):
        case "block":
            capacity = view.integer("capacity")
            return AttachedBlock(
                handle, name, capacity, view.integer("block_size", 0, 0xFFFF), hostfd
            )
        case "net":
            mac, mtu = view.data("mac", 6, 6), view.integer("mtu", 0, 0xFFFF)
            return AttachedNet(handle, name, mac, mtu, hostfd)
        case other:
            raise WrongVersion(
                f"device {name!r} has the type {other!r}, which this version does not know",
                hint="a newer solo5-replay reads this trace",
            )
