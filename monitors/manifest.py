"""The application manifest: which devices a unikernel declares, and what is attached to them.

Values and their binary form only; where the form lies in an ELF file is ``monitors.elf``'s subject
and its JSON source ``replay.toolchain.manifest_source``'s. A device's handle is its index.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitors.errors import BadManifest, GuestRefused

MFT_VERSION = 1
MFT_MAX_ENTRIES = 64
MFT_NAME_SIZE = 68
MFT_NAME_MAX = 67
RECORD_SIZE = 104

# mft_abi.h, struct mft, MFT_VERSION 1: u32 version, u32 entries, then the records:
#   name[68] @0, type u32 @68, union u @72 (block: capacity u64, block_size u16;
#   net: mac u8[6], mtu u16), union b @88 (hostfd int), attached u8 @96, padding to 104
_HEADER = struct.Struct("<II")
_NAME_AND_TYPE = struct.Struct("<68sI")
_BLOCK = struct.Struct("<QH")
_NET = struct.Struct("<6sH")
_HOSTFD = struct.Struct("<i")
_PROPERTIES_AT = 72
_HOSTFD_AT = 88
_ATTACHED_AT = 96


class DeviceType(enum.IntEnum):
    """Types of manifest records (mft_abi.h, MFT_VERSION 1)."""

    BLOCK_BASIC = 1
    NET_BASIC = 2
    RESERVED_FIRST = 0x40000000


@dataclass(frozen=True, slots=True)
class AttachedBlock:
    """A block device as its guest sees it: ``capacity_bytes`` u64, ``block_size`` (bytes) u16."""

    handle: int
    name: str
    capacity_bytes: int
    block_size: int
    hostfd: int = 0


@dataclass(frozen=True, slots=True)
class AttachedNet:
    """A network device as its guest sees it: ``mac`` is 6 bytes, ``mtu`` u16 without the header."""

    handle: int
    name: str
    mac: bytes
    mtu: int
    hostfd: int = 0


Attachment = AttachedBlock | AttachedNet


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One record: a name (latin-1, so that any byte survives) and a ``DeviceType`` or other u32.

    ``source`` is the 104-byte record as found, when name and type alone would not give it back.
    """

    name: str
    type: int
    source: bytes = b""

    @property
    def type_name(self) -> str:
        """The type's name in mft_abi.h without prefix, or its number for an unknown type."""
        known = self.type in DeviceType.__members__.values()
        return DeviceType(self.type).name if known else f"{self.type:#x}"

    def pack(self) -> bytes:
        """The record's 104 bytes, not attached."""
        if self.source:
            return self.source
        encoded = _NAME_AND_TYPE.pack(self.name.encode("latin-1"), self.type)
        return encoded.ljust(RECORD_SIZE, b"\0")


RESERVED_ENTRY = ManifestEntry("", DeviceType.RESERVED_FIRST)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All records in order, the reserved one included; an entry's index is its device's handle."""

    entries: Sequence[ManifestEntry] = (RESERVED_ENTRY,)

    def device(self, name: str) -> tuple[int, ManifestEntry] | None:
        """The handle and entry of the first device called ``name``."""
        for handle, entry in enumerate(self.entries):
            if handle and entry.name == name:
                return handle, entry
        return None

    def handles(self, type_: DeviceType) -> frozenset[int]:
        """The handles of all declared devices of one type."""
        return frozenset(h for h, e in enumerate(self.entries) if e.type == type_)

    def unattached(self, attachments: Iterable[Attachment]) -> Sequence[ManifestEntry]:
        """The declared devices that ``attachments`` leaves out, in order."""
        present = {attachment.handle for attachment in attachments}
        return [e for h, e in enumerate(self.entries) if h and h not in present]

    def pack(self, attachments: Iterable[Attachment] = ()) -> bytes:
        """The binary form, 8 + 104 bytes a record; GuestRefused for an unfitting attachment."""
        packed = bytearray(_HEADER.pack(MFT_VERSION, len(self.entries)))
        for entry in self.entries:
            packed += entry.pack()
        for attachment in attachments:
            self._attach(packed, attachment)
        return bytes(packed)

    def _attach(self, packed: bytearray, attachment: Attachment) -> None:
        type_, properties, hostfd = _packed_fields(attachment)
        handle = attachment.handle
        if handle not in self.handles(type_):
            raise GuestRefused(
                f"the guest has no {type_.name} device {attachment.name!r} with handle {handle}",
                hint="attach only what the guest's manifest declares",
            )
        record_at = _HEADER.size + handle * RECORD_SIZE
        properties_at = record_at + _PROPERTIES_AT
        packed[properties_at : properties_at + len(properties)] = properties
        hostfd_at = record_at + _HOSTFD_AT
        packed[hostfd_at : hostfd_at + len(hostfd)] = hostfd
        packed[record_at + _ATTACHED_AT] = 1


def manifest_of(devices: Iterable[tuple[str, DeviceType]]) -> Manifest:
    """A manifest of the given names and types, behind the reserved entry; may raise BadManifest."""
    manifest = Manifest((RESERVED_ENTRY, *(ManifestEntry(n, t) for n, t in devices)))
    if len(manifest.entries) > MFT_MAX_ENTRIES:
        raise BadManifest(f"too many entries, maximum {MFT_MAX_ENTRIES - 1}")
    for entry in manifest.entries[1:]:
        if not is_device_name(entry.name):
            raise BadManifest(f"{entry.name!r} is no device name", hint=NAME_RULE)
    return manifest


NAME_RULE = f"a device name is 1 to {MFT_NAME_MAX} ASCII letters and digits"


def is_device_name(name: str) -> bool:
    """Whether ``name`` obeys the rule for names in a manifest's source."""
    return name.isascii() and name.isalnum() and len(name) <= MFT_NAME_MAX


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in ``data``, exactly its bytes; raises BadManifest for a broken rule."""
    if len(data) < _HEADER.size:
        raise BadManifest(f"manifest of {len(data)} bytes has no header")
    version, count = _HEADER.unpack_from(data)
    if version != MFT_VERSION:
        raise BadManifest(f"manifest version {version} is not {MFT_VERSION}")
    if count > MFT_MAX_ENTRIES:
        raise BadManifest(f"manifest has {count} entries, more than {MFT_MAX_ENTRIES}")
    if len(data) != _HEADER.size + count * RECORD_SIZE:
        raise BadManifest(f"manifest of {count} entries has {len(data)} bytes")
    if count == 0:
        raise BadManifest("manifest has no reserved first entry")
    entries = tuple(_parse_record(data, index) for index in range(count))
    if entries[0].type != DeviceType.RESERVED_FIRST or entries[0].name:
        raise BadManifest("manifest does not begin with the reserved entry")
    return Manifest(entries)


def _parse_record(data: bytes, index: int) -> ManifestEntry:
    record_at = _HEADER.size + index * RECORD_SIZE
    record = bytes(data[record_at : record_at + RECORD_SIZE])
    padded_name, type_ = _NAME_AND_TYPE.unpack_from(record)
    if padded_name[MFT_NAME_MAX] != 0:
        raise BadManifest(f"name of manifest entry {index} is not terminated")
    if record[_ATTACHED_AT] != 0:
        raise BadManifest(f"manifest entry {index} is marked as attached already")
    name = padded_name.split(b"\0", 1)[0].decode("latin-1")
    plain = ManifestEntry(name, type_)
    return plain if plain.pack() == record else ManifestEntry(name, type_, record)


def _packed_fields(attachment: Attachment) -> tuple[DeviceType, bytes, bytes]:
    """The type that an attachment needs, and the bytes of unions u and b."""
    try:
        hostfd = _HOSTFD.pack(attachment.hostfd)
        if isinstance(attachment, AttachedBlock):
            block = _BLOCK.pack(attachment.capacity_bytes, attachment.block_size)
            return DeviceType.BLOCK_BASIC, block, hostfd
        if len(attachment.mac) != 6:
            raise GuestRefused(f"device {attachment.name!r}: a MAC address has 6 bytes")
        return DeviceType.NET_BASIC, _NET.pack(attachment.mac, attachment.mtu), hostfd
    except struct.error as error:
        raise GuestRefused(f"device {attachment.name!r}: {error}") from error
