from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.elf import AbiInfo, check_fits, query_abi, query_manifest, read_image
from monitors.errors import BadImage
from monitors.manifest import DeviceType, manifest_of
from monitors.ports import GuestImage, Protection, Segment

INVALID_SIZE = "note does not fall within valid size"


def load(data: bytes) -> GuestImage:
    return read_image(data, name="app.hvt")


def test_valid_image(elf):
    image = load(elf.Elf().build())
    assert (image.target, image.abi_version) == ("hvt", 2)
    assert image.entry == 0x100020
    assert image.manifest == manifest_of([])
    assert image.segments == (Segment(0x100000, b"\x90" * 100), Segment(0x102000, b"data"))
    assert image.protections == (
        Protection(0x100000, 0x101000, writable=False),
        Protection(0x102000, 0x104000, writable=True, executable=False),
    )
    assert image.kernel_end == 0x104000


@pytest.mark.parametrize(
    ("flags", "rights"),
    [
        (0, (False, False, False)),
        (1, (True, False, True)),
        (2, (True, True, False)),
        (4, (True, False, False)),
        (5, (True, False, True)),
        (6, (True, True, False)),
    ],
)
def test_rights_are_those_that_a_processor_can_give(elf, flags, rights):
    """What can be written or executed can be read."""
    protection = load(elf.text(flags=flags).build()).protections[0]
    assert (protection.readable, protection.writable, protection.executable) == rights


def test_devices_are_read_in_order(elf):
    packed = elf.manifest_bytes((b"disk", 1), (b"net0", 2))
    image = load(elf.Elf(manifest=elf.manifest_note(packed)).build())
    devices = [("disk", DeviceType.BLOCK_BASIC), ("net0", DeviceType.NET_BASIC)]
    assert image.manifest == manifest_of(devices)
    assert query_manifest(elf.Elf(manifest=elf.manifest_note(packed)).build(), name="a") == (
        image.manifest
    )


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "hvt"), (2, "spt"), (3, "virtio"), (4, "muen"), (5, "genode"), (6, "xen"), (9, "unknown")],
)
def test_targets_by_name(elf, number, name):
    data = elf.Elf(abi=elf.abi_note(number, 7)).build()
    assert query_abi(data, name="a") == AbiInfo(name, 7)


def test_header_fields_agree_with_pyelftools(elf):
    from elftools.elf.elffile import ELFFile

    data = elf.Elf().build()
    oracle = ELFFile(io.BytesIO(data))
    loads = list(oracle.iter_segments("PT_LOAD"))
    image = load(data)
    assert image.entry == oracle["e_entry"]
    assert [s.gpa for s in image.segments] == [s["p_vaddr"] for s in loads]
    assert [s.data for s in image.segments] == [s.data() for s in loads]


HEADER_CASES = [
    ({"magic": b"\x7fELG"}, "magic"),
    ({"ident": b"\x01\x01\x01"}, "64-bit"),
    ({"ident": b"\x02\x02\x01"}, "little-endian"),
    ({"ident": b"\x02\x01\x02"}, "version"),
    ({"version": 2}, "version"),
    ({"ehsize": 52}, "record sizes"),
    ({"phentsize": 32}, "record sizes"),
    ({"phnum": 0}, "no program headers"),
    ({"e_type": 3}, "no executable"),
    ({"e_type": 1}, "no executable"),
    ({"machine": 183}, "x86-64"),
    ({"machine": 3}, "x86-64"),
    ({"phnum": 0xFFFF}, "beyond the end"),
    ({"phoff": 1 << 63}, "beyond the end"),
    ({"phoff": (1 << 64) - 1}, "beyond the end"),
    ({"entry": 0xFFFFF}, "entry point"),
]


@pytest.mark.parametrize(("changes", "text"), HEADER_CASES)
def test_refused_headers(elf, changes, text):
    with pytest.raises(BadImage, match=text) as caught:
        load(elf.Elf(**changes).build())
    assert str(caught.value).startswith("app.hvt: ")


@pytest.mark.parametrize("size", [0, 4, 63])
def test_short_files(elf, size):
    with pytest.raises(BadImage, match="shorter than its header"):
        load(elf.Elf().build()[:size])


def test_os_abi_flags_and_padding_are_ignored(elf):
    data = bytearray(elf.Elf().build())
    data[7:16] = b"\xff" * 9
    data[48:52] = b"\xff" * 4
    assert load(bytes(data)) == load(elf.Elf().build())


def note_cases(elf):
    manifest = elf.manifest_bytes()
    huge = bytes(4) + manifest + bytes(6700)
    one = elf.note(elf.MANIFEST_TYPE, b"\0")
    return {
        "descsz 1": ({"manifest": one}, INVALID_SIZE),
        "descsz 4": ({"manifest": elf.note(elf.MANIFEST_TYPE, bytes(4))}, INVALID_SIZE),
        "descsz 0": ({"manifest": elf.note(elf.MANIFEST_TYPE, b"")}, INVALID_SIZE),
        "manifest too large": ({"manifest": elf.note(elf.MANIFEST_TYPE, huge)}, INVALID_SIZE),
        "descsz past PT_NOTE": (
            {"manifest": elf.note(elf.MANIFEST_TYPE, bytes(4) + manifest, descsz=117)},
            INVALID_SIZE,
        ),
        "descsz all ones": (
            {"manifest": elf.note(elf.MANIFEST_TYPE, bytes(200), descsz=0xFFFFFFFF)},
            INVALID_SIZE,
        ),
        "ABI too large": ({"abi": elf.note(elf.ABI_TYPE, bytes(33))}, INVALID_SIZE),
        "ABI empty": ({"abi": elf.note(elf.ABI_TYPE, b"")}, INVALID_SIZE),
        "ABI too short": ({"abi": elf.note(elf.ABI_TYPE, bytes(7))}, "too short"),
        "PT_NOTE of 11 bytes": ({"openbsd": bytes(11)}, INVALID_SIZE),
        "no ABI note": ({"abi": b""}, "no ABI information"),
        "no manifest note": ({"manifest": b""}, "no manifest"),
        "other owner": (
            {"manifest": elf.note(elf.MANIFEST_TYPE, bytes(120), name=b"Solo6\0")},
            "no manifest",
        ),
        "name without NUL": (
            {"manifest": elf.note(elf.MANIFEST_TYPE, bytes(120), name=b"Solo5x")},
            "no manifest",
        ),
        "namesz 8": (
            {"manifest": elf.note(elf.MANIFEST_TYPE, bytes(120), namesz=8)},
            "no manifest",
        ),
        "manifest version 2": (
            {"manifest": elf.manifest_note(elf.manifest_bytes(version=2))},
            "manifest version 2",
        ),
        "manifest size": (
            {"manifest": elf.manifest_note(elf.manifest_bytes(entries=2))},
            "2 entries has 112 bytes",
        ),
    }


NOTE_CASES = [
    *("descsz 1", "descsz 4", "descsz 0", "manifest too large", "descsz past PT_NOTE"),
    *("descsz all ones", "ABI too large", "ABI empty", "ABI too short", "PT_NOTE of 11 bytes"),
    *("no ABI note", "no manifest note", "other owner", "name without NUL", "namesz 8"),
    *("manifest version 2", "manifest size"),
]


@pytest.mark.parametrize("case", NOTE_CASES)
def test_refused_notes(elf, case):
    changes, text = note_cases(elf)[case]
    with pytest.raises(BadImage, match=text):
        load(elf.Elf(**changes).build())


def test_every_note_case_is_run(elf):
    assert sorted(NOTE_CASES) == sorted(note_cases(elf))


def test_image_of_the_stub_target_is_refused_for_its_empty_notes(elf):
    with pytest.raises(BadImage, match=INVALID_SIZE):
        load(elf.Elf(first=(elf.Header(elf.PT_NOTE, b""),)).build())


@pytest.mark.parametrize("size", [12, 19])
def test_note_header_without_a_name_is_skipped(elf, size):
    image = elf.Elf(openbsd=bytes(size))
    assert load(image.build()).target == "hvt"


def test_only_the_first_note_of_a_header_counts(elf):
    hidden = elf.Elf(openbsd=elf.OPENBSD + elf.abi_note(), abi=b"")
    with pytest.raises(BadImage, match="no ABI information"):
        load(hidden.build())


def test_first_matching_header_wins(elf):
    twice = elf.Elf(openbsd=elf.abi_note(2, 5))
    assert query_abi(twice.build(), name="a") == AbiInfo("spt", 5)


def test_abi_note_is_looked_for_before_the_manifest(elf):
    with pytest.raises(BadImage, match="no ABI information"):
        load(elf.Elf(abi=b"", manifest=b"").build())


def test_longest_notes_are_read(elf):
    devices = [(b"d%d" % n, 1) for n in range(63)]
    full = elf.manifest_note(elf.manifest_bytes(*devices))
    abi = elf.note(elf.ABI_TYPE, struct.pack("<II24x", 1, 2))
    assert len(load(elf.Elf(manifest=full, abi=abi).build()).manifest.entries) == 64


def test_note_beyond_the_file(elf):
    at_end = elf.Header(elf.PT_NOTE, b"", filesz=200, offset=1 << 63)
    with pytest.raises(BadImage, match="beyond the end of the file"):
        load(elf.Elf(first=(at_end,)).build())


SEGMENT_CASES = {
    "below the base": ("text", {"vaddr": 0xFF000}, "begins below"),
    "alignment 0": ("text", {"align": 0}, "no power of two"),
    "alignment 0x1800": ("text", {"align": 0x1800}, "no power of two"),
    "start rounds below the base": ("text", {"align": 0x200000}, "begins below"),
    "out of order": ("data", {"vaddr": 0xFF000 + 0x1000 - 1}, "begins below"),
    "overlap": ("data", {"vaddr": 0x100800}, "begins below"),
    "same address": ("data", {"vaddr": 0x100000}, "begins below"),
    "memory size below file size": ("data", {"memsz": 3}, "smaller in memory"),
    "wraps": ("data", {"vaddr": (1 << 64) - 0x1000, "memsz": 0x2000}, "address space"),
    "rounds up to the end": ("data", {"vaddr": (1 << 64) - 0x1000, "memsz": 5}, "address space"),
    "alignment 1": ("text", {"align": 1}, "whole pages"),
    "unaligned start": ("data", {"vaddr": 0x102010, "memsz": 0xFF0, "align": 16}, "whole pages"),
    "alignment 16": ("data", {"align": 16}, "whole pages"),
    "W and X": ("data", {"flags": 7}, "writable and executable"),
    "W and X without R": ("text", {"flags": 3}, "writable and executable"),
    "bytes beyond the file": ("data", {"filesz": 0x700, "offset": 0x10}, "more bytes than"),
    "offset beyond the file": ("data", {"offset": 1 << 63}, "beyond the end"),
}


@pytest.mark.parametrize("case", SEGMENT_CASES)
def test_refused_segments(elf, case):
    which, changes, text = SEGMENT_CASES[case]
    with pytest.raises(BadImage, match=text):
        load(getattr(elf, which)(**changes).build())


def test_segments_may_not_share_the_files_bytes_without_end(elf):
    shared = [
        replace(elf.TEXT, vaddr=0x100000 + 0x1000 * n, offset=0, data=b"", filesz=900)
        for n in range(8)
    ]
    with pytest.raises(BadImage, match="more bytes than the file"):
        load(elf.Elf(loads=tuple(shared)).build())


def test_low_segment_alone(elf):
    """Rounding down to its alignment takes it below the base."""
    low = elf.Elf(loads=(replace(elf.TEXT, align=0x200000),))
    with pytest.raises(BadImage, match="begins below 0x100000"):
        load(low.build())


def test_segment_that_the_file_cuts_by_one_byte(elf):
    size = len(elf.data(data=b"").build())
    whole = elf.data(data=b"", filesz=4, offset=size - 4)
    assert len(load(whole.build()).segments[1].data) == 4
    with pytest.raises(BadImage, match="beyond the end of the file"):
        load(elf.data(data=b"", filesz=4, offset=size - 3).build())


def test_segments_without_bytes_are_skipped_without_any_check(elf):
    wild = [
        elf.Header(elf.PT_LOAD, b"", vaddr=0, align=0),
        elf.Header(elf.PT_LOAD, b"", vaddr=0x100000, memsz=1 << 63, flags=7, align=3),
        elf.Header(elf.PT_LOAD, b"", vaddr=(1 << 64) - 1, memsz=(1 << 64) - 1, offset=1 << 63),
    ]
    image = load(elf.Elf(loads=(elf.TEXT, *wild, elf.DATA)).build())
    assert image == load(elf.Elf().build())


def test_alignment_1_is_allowed_for_whole_pages(elf):
    whole = elf.text(align=1, data=b"\x90" * 0x1000)
    assert load(whole.build()).protections[0].end == 0x101000


def test_image_without_segments(elf):
    image = load(elf.Elf(loads=()).build())
    assert (image.segments, image.kernel_end) == ((), 0)


def test_header_table_at_the_very_end_of_the_file(elf):
    front = elf.Elf().build()
    table = front[64 : 64 + 56 * len(elf.Elf().headers())]
    moved = elf.Elf(phoff=len(front)).build() + table
    assert load(moved) == load(front)
    with pytest.raises(BadImage, match="beyond the end of the file"):
        load(moved[:-1])


def test_entry_may_lie_outside_the_segments(elf):
    assert load(elf.Elf(entry=1 << 40).build()).entry == 1 << 40


@pytest.mark.parametrize(
    ("mem_size", "entry", "fits"),
    [
        (0x104000, 0x100020, True),
        (0x103FFF, 0x100020, False),
        (0x200000, 0x1FFFFF, True),
        (0x200000, 0x200000, False),
    ],
)
def test_fit_into_memory(elf, mem_size, entry, fits):
    image = load(elf.Elf(entry=entry).build())
    if fits:
        check_fits(image, mem_size)
    else:
        with pytest.raises(BadImage, match="beyond"):
            check_fits(image, mem_size)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_an_image_or_refused(data):
    refused_or_image(data)
    refused_or_image(b"\x7fELF\x02\x01\x01" + data)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    mutations=st.lists(st.tuples(st.integers(0, 1300), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 2000),
)
def test_mutated_images_are_an_image_or_refused(elf, mutations, cut):
    packed = elf.manifest_bytes((b"disk", 1))
    data = bytearray(elf.Elf(manifest=elf.manifest_note(packed)).build())
    for at, value in mutations:
        data[at % len(data)] = value
    refused_or_image(bytes(data[: len(data) - cut] if cut < len(data) else data))


def refused_or_image(data: bytes) -> None:
    try:
        image = load(data)
    except BadImage:
        return
    assert sum(len(segment.data) for segment in image.segments) <= len(data)
    assert all(p.start < p.end <= image.kernel_end for p in image.protections)
