from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.errors import BadManifest, GuestRefused
from monitors.manifest import (
    AttachedBlock,
    AttachedNet,
    DeviceType,
    Manifest,
    ManifestEntry,
    is_device_name,
    manifest_of,
    parse_manifest,
)

BLOCK, NET = DeviceType.BLOCK_BASIC, DeviceType.NET_BASIC


def record_at(index: int) -> int:
    return 8 + 104 * index


def test_binary_form_of_a_manifest(elf):
    manifest = manifest_of([("storage", BLOCK), ("service0", NET)])
    assert manifest.pack() == elf.manifest_bytes((b"storage", 1), (b"service0", 2))
    assert parse_manifest(manifest.pack()) == manifest


def test_empty_manifest_has_112_bytes():
    assert len(Manifest().pack()) == 112
    assert parse_manifest(Manifest().pack()) == Manifest()


def test_attached_form():
    manifest = manifest_of([("disk", BLOCK), ("net0", NET)])
    packed = manifest.pack(
        [
            AttachedNet(2, "net0", bytes.fromhex("0200000000fe"), 1500),
            AttachedBlock(1, "disk", 0x123456789A00, 4096),
        ]
    )
    disk = packed[record_at(1) : record_at(2)]
    net = packed[record_at(2) :]
    assert disk[72:82] == struct.pack("<QH", 0x123456789A00, 4096)
    assert net[72:80] == bytes.fromhex("0200000000fe") + struct.pack("<H", 1500)
    for record in (disk, net):
        assert record[88:96] == bytes(8)
        assert record[96:] == b"\1" + bytes(7)
    assert packed[: record_at(1)] == manifest.pack()[: record_at(1)]


def test_host_descriptor_is_written_when_given():
    packed = manifest_of([("disk", BLOCK)]).pack([AttachedBlock(1, "disk", 512, 512, hostfd=7)])
    assert packed[record_at(1) + 88 :][:8] == struct.pack("<q", 7)


@pytest.mark.parametrize(
    "attachment",
    [
        AttachedBlock(2, "net0", 512, 512),
        AttachedNet(1, "disk", bytes(6), 1500),
        AttachedBlock(0, "", 512, 512),
        AttachedBlock(3, "none", 512, 512),
        AttachedBlock(-1, "none", 512, 512),
        AttachedNet(2, "net0", bytes(5), 1500),
        AttachedNet(2, "net0", bytes(6), 65536),
        AttachedBlock(1, "disk", -1, 512),
        AttachedBlock(1, "disk", 1 << 64, 512),
        AttachedBlock(1, "disk", 512, 512, hostfd=1 << 31),
    ],
)
def test_unfitting_attachments(attachment):
    with pytest.raises(GuestRefused):
        manifest_of([("disk", BLOCK), ("net0", NET)]).pack([attachment])


def test_lookup_finds_the_first_of_a_name():
    manifest = Manifest((*Manifest().entries, ManifestEntry("a", NET), ManifestEntry("a", BLOCK)))
    assert manifest.device("a") == (1, ManifestEntry("a", NET))
    assert manifest.device("b") is None
    assert manifest.device("") is None


def test_handles_and_missing_attachments():
    manifest = manifest_of([("a", BLOCK), ("b", NET), ("c", BLOCK)])
    assert manifest.handles(BLOCK) == {1, 3}
    assert manifest.handles(NET) == {2}
    assert manifest.unattached([AttachedBlock(1, "a", 512, 512)]) == [
        ManifestEntry("b", NET),
        ManifestEntry("c", BLOCK),
    ]


def packed_with(at: int, data: bytes) -> bytes:
    packed = bytearray(manifest_of([("disk", BLOCK)]).pack())
    packed[at : at + len(data)] = data
    return bytes(packed)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no header"),
        (bytes(7), "no header"),
        (packed_with(0, b"\2"), "version 2"),
        (packed_with(0, b"\0"), "version 0"),
        (packed_with(4, b"\x41"), "65 entries"),
        (packed_with(4, b"\xff\xff\xff\xff"), "4294967295 entries"),
        (packed_with(4, b"\3"), "3 entries has 216 bytes"),
        (packed_with(0, b"") + b"\0", "has 217 bytes"),
        (packed_with(0, b"")[:-1], "has 215 bytes"),
        (struct.pack("<II", 1, 0), "no reserved first entry"),
        (packed_with(8, b"x"), "reserved entry"),
        (packed_with(8 + 68, struct.pack("<I", 1)), "reserved entry"),
        (packed_with(record_at(1) + 67, b"x"), "entry 1 is not terminated"),
        (packed_with(8 + 67, b"x"), "entry 0 is not terminated"),
        (packed_with(record_at(1) + 96, b"\1"), "entry 1 is marked as attached"),
        (packed_with(8 + 96, b"\x80"), "entry 0 is marked as attached"),
    ],
)
def test_refused_binary_forms(data, text):
    with pytest.raises(BadManifest, match=text):
        parse_manifest(data)


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (record_at(1) + 68, struct.pack("<I", 77)),
        (record_at(1) + 5, b"x"),
        (8 + 1, b"hidden"),
        (record_at(1) + 72, b"\xff" * 24),
        (record_at(1) + 97, b"\xff" * 7),
        (record_at(1), b"\xc3\x28"),
    ],
    ids=["unknown type", "text behind NUL", "name[1] of 0", "unions", "padding", "not UTF-8"],
)
def test_unchecked_contents_survive(at, data):
    packed = packed_with(at, data)
    assert parse_manifest(packed).pack() == packed


def test_most_entries():
    manifest = manifest_of([(f"d{n}", BLOCK) for n in range(63)])
    assert parse_manifest(manifest.pack()) == manifest
    with pytest.raises(BadManifest, match="too many entries, maximum 63"):
        manifest_of([(f"d{n}", BLOCK) for n in range(64)])


@pytest.mark.parametrize("name", ["", "a" * 68, "a-b", "a b", "ü", "a\n", "²"])
def test_bad_names(name):
    assert not is_device_name(name)
    with pytest.raises(BadManifest, match="no device name"):
        manifest_of([(name, BLOCK)])


@pytest.mark.parametrize("name", ["a", "A0", "0", "a" * 67])
def test_good_names(name):
    assert is_device_name(name)


def test_names_of_types():
    assert ManifestEntry("a", BLOCK).type_name == "BLOCK_BASIC"
    assert ManifestEntry("a", 2).type_name == "NET_BASIC"
    assert ManifestEntry("a", 99).type_name == "0x63"


@given(st.binary(max_size=230))
def test_any_bytes_are_a_manifest_or_refused(data):
    for candidate in (
        data,
        struct.pack("<II", 1, len(data) // 104) + data[: len(data) // 104 * 104],
    ):
        try:
            assert parse_manifest(candidate).pack() == candidate
        except BadManifest:
            continue
