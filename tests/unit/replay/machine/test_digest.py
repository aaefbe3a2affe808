"""Digests against naive ones: what they see, what they must not see, and what they cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.machine.digest import (
    DIGEST_BYTES,
    MachineDigest,
    machine_digest,
    memory_digest,
    register_digest,
)

KIB = 1 << 10
CHUNK = 64 * KIB
RAM_BYTES = 4 * CHUNK
REGISTERS = {
    **{name: 0x1122334455667788 + at for at, name in enumerate(("rax", "rbx", "rsp", "rip"))},
    "rflags": 0x246,
    "mxcsr": 0x1F80,
    "fcw": 0x37F,
    "fsw": 0x3800,
    "xmm0": 1 << 127 | 5,
    "st0": 0,
    "fs_base": 0,
}
STATUS = 0x8D5
STICKY = 0x3F
X87_BELOW_TOP = ~0x3800
MASKS = {"rflags": STATUS, "mxcsr": STICKY, "fsw": X87_BELOW_TOP}


@cache
def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, reflected 0x82F63B78), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def digest_of(entries: list[tuple[int, int]]) -> bytes:
    text = b"".join(at.to_bytes(8, "little") + crc.to_bytes(4, "little") for at, crc in entries)
    return hashlib.blake2b(text, digest_size=8).digest()


def naive_memory_digest(data: bytes) -> bytes:
    import google_crc32c

    chunks = ((at, data[at : at + CHUNK]) for at in range(0, len(data), CHUNK))
    return digest_of([(at, google_crc32c.value(chunk)) for at, chunk in chunks if any(chunk)])


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    made = GuestRam(RAM_BYTES)
    yield made
    made.close()


# ---- registers


def test_the_order_of_registers_does_not_matter() -> None:
    backwards = dict(reversed(REGISTERS.items()))
    assert list(backwards) != list(REGISTERS)
    assert register_digest(backwards) == register_digest(REGISTERS)


def test_a_digest_has_64_bits(ram: GuestRam) -> None:
    assert len(register_digest(REGISTERS)) == len(memory_digest(ram)) == DIGEST_BYTES == 8


@pytest.mark.parametrize("name", REGISTERS)
def test_every_bit_of_a_register_is_seen(name: str) -> None:
    masked = MASKS.get(name, 0)
    expected = register_digest(REGISTERS)
    for bit in range(128 if name == "xmm0" else 64):
        changed = {**REGISTERS, name: REGISTERS[name] ^ 1 << bit}
        assert (register_digest(changed) == expected) is bool(masked >> bit & 1), bit


FLIPS = st.sampled_from((0, 0x10, 1, 3, 0x800, STICKY, STICKY + 1, 1 << 63))


@given(st.dictionaries(st.sampled_from(("rflags", "mxcsr", "fsw", "rax", "st0")), FLIPS))
def test_registers_agree_exactly_when_they_are_equal_but_for_the_masks(
    flips: dict[str, int],
) -> None:
    changed = {**REGISTERS, **{name: REGISTERS[name] ^ flip for name, flip in flips.items()}}
    differs = any(flip & ~MASKS.get(name, 0) for name, flip in flips.items())
    assert (register_digest(changed) != register_digest(REGISTERS)) is differs


def test_names_count_as_much_as_values() -> None:
    swapped = {**REGISTERS, "rax": REGISTERS["rbx"], "rbx": REGISTERS["rax"]}
    without = {name: value for name, value in REGISTERS.items() if name != "st0"}
    digests = {register_digest(registers) for registers in (REGISTERS, swapped, without, {})}
    assert len(digests) == 4


def test_registers_digest_alike_in_every_version() -> None:
    """Traces hold digests, so the text below them cannot change."""
    text = b"mxcsr=1f80,rax=1f,rflags=2,rip=100000"
    registers = {"rip": 0x100000, "rflags": 0x8D7, "mxcsr": 0x1FBF, "rax": 0x1F}
    assert register_digest(registers) == hashlib.blake2b(text, digest_size=8).digest()


# ---- memory


def test_memory_digests_alike_in_every_version(ram: GuestRam) -> None:
    assert crc32c(b"123456789") == 0xE3069283
    ram.view[CHUNK + 5 : CHUNK + 10] = b"guest"
    chunk = (bytes(5) + b"guest").ljust(CHUNK, b"\0")
    assert memory_digest(ram) == digest_of([(CHUNK, crc32c(chunk))])


def test_empty_memory_is_a_digest_of_nothing(ram: GuestRam) -> None:
    assert memory_digest(ram) == digest_of([])


WRITES = st.lists(
    st.tuples(st.integers(0, RAM_BYTES - 1), st.binary(max_size=9000)).map(
        lambda write: (write[0], write[1][: RAM_BYTES - write[0]])
    ),
    max_size=5,
)


@settings(max_examples=50)
@given(WRITES)
def test_sparse_memory_digests_like_flat_memory(writes: list[tuple[int, bytes]]) -> None:
    ram, flat = GuestRam(RAM_BYTES), bytearray(RAM_BYTES)
    for at, data in writes:
        ram.view[at : at + len(data)] = flat[at : at + len(data)] = data
    assert memory_digest(ram) == naive_memory_digest(bytes(flat))
    ram.close()


@pytest.mark.parametrize("size", [PAGE_BYTES, CHUNK + PAGE_BYTES, 3 * CHUNK - PAGE_BYTES])
def test_memory_need_not_be_a_whole_number_of_chunks(size: int) -> None:
    ram = GuestRam(size)
    ram.view[size - 1] = 0
    assert list(ram.resident_ranges())
    assert memory_digest(ram) == digest_of([])
    ram.view[size - 1] = 1
    assert memory_digest(ram) == naive_memory_digest(bytes(ram.view))
    ram.close()


@pytest.mark.parametrize(
    "at", [0, PAGE_BYTES - 1, PAGE_BYTES, CHUNK - 1, CHUNK, 3 * CHUNK - 1, RAM_BYTES - 1]
)
def test_one_bit_of_memory_is_seen(ram: GuestRam, at: int) -> None:
    ram.view[: 3 * CHUNK] = b"\xa5" * (3 * CHUNK)
    digests = {memory_digest(ram)}
    for bit in range(8):
        ram.view[at] ^= 1 << bit
        digests.add(memory_digest(ram))
        ram.view[at] ^= 1 << bit
    assert len(digests) == 9
    assert memory_digest(ram) in digests


def test_zeros_that_were_written_are_like_memory_never_touched(ram: GuestRam) -> None:
    fresh = memory_digest(ram)
    ram.view[CHUNK : 2 * CHUNK] = b"x" * CHUNK
    assert memory_digest(ram) != fresh
    ram.view[CHUNK : 2 * CHUNK] = bytes(CHUNK)
    assert list(ram.resident_ranges())
    assert memory_digest(ram) == fresh


def test_the_order_of_writes_does_not_matter(ram: GuestRam) -> None:
    places = [5, 2 * CHUNK, PAGE_BYTES, RAM_BYTES - 1]
    for place in places:
        ram.view[place] = place % 251
    other = GuestRam(RAM_BYTES)
    for place in reversed(places):
        other.view[place] = place % 251
    assert memory_digest(other) == memory_digest(ram)
    other.close()


def test_the_place_of_a_chunk_is_seen(ram: GuestRam) -> None:
    digests = set()
    for chunk in range(0, RAM_BYTES, CHUNK):
        ram.view[chunk + 100] = 7
        digests.add(memory_digest(ram))
        ram.view[chunk + 100] = 0
    assert len(digests) == 4


def test_the_same_memory_twice_is_the_same_digest(ram: GuestRam) -> None:
    """The first pass makes pages resident; they are zero."""
    for place in range(0, RAM_BYTES, 3 * PAGE_BYTES):
        ram.view[place] = 1
    assert memory_digest(ram) == memory_digest(ram)


class Watched:
    """Memory with pages in ``ranges`` that tells what was read of it."""

    def __init__(self, size: int, ranges: list[tuple[int, int]]) -> None:
        self.size = size
        self.view = self
        self.read: list[tuple[int, int]] = []
        self._ranges = ranges

    def resident_ranges(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    def __getitem__(self, place: slice) -> bytes:
        self.read.append((place.start, place.stop))
        return b"\1" * CHUNK


@pytest.mark.parametrize(
    ("ranges", "chunks"),
    [
        ([], []),
        ([(0, PAGE_BYTES)], [0]),
        ([(PAGE_BYTES, 2 * PAGE_BYTES), (9 * PAGE_BYTES, 10 * PAGE_BYTES)], [0]),
        ([(15 * PAGE_BYTES, 17 * PAGE_BYTES)], [0, 1]),
        ([(0, CHUNK)], [0]),
        ([(5 * CHUNK + PAGE_BYTES, 8 * CHUNK), (8 * CHUNK, 8 * CHUNK + 1)], [5, 6, 7, 8]),
        ([(0, PAGE_BYTES), (65535 * CHUNK, 65536 * CHUNK)], [0, 65535]),
    ],
)
def test_every_chunk_with_pages_is_read_once_and_no_other(
    ranges: list[tuple[int, int]], chunks: list[int]
) -> None:
    watched: Any = Watched(65536 * CHUNK, ranges)
    digest = memory_digest(watched)
    assert watched.read == [(chunk * CHUNK, (chunk + 1) * CHUNK) for chunk in chunks]
    crc = crc32c(b"\1" * CHUNK) if chunks else 0
    assert digest == digest_of([(chunk * CHUNK, crc) for chunk in chunks])


def test_a_large_guest_stays_small() -> None:
    ram = GuestRam(4096 << 20)
    for place in (0, 1 << 30, (4096 << 20) - 1):
        ram.view[place] = 1
    memory_digest(ram)
    assert sum(end - start for start, end in ram.resident_ranges()) <= 3 * CHUNK
    ram.close()


# ---- both


def test_a_machines_digest_keeps_registers_and_memory_apart(ram: GuestRam) -> None:
    registers = dict(REGISTERS)
    machine: Any = SimpleNamespace(ram=ram, engine=SimpleNamespace(registers=lambda: registers))
    first = machine_digest(machine)
    assert first == MachineDigest(register_digest(REGISTERS), memory_digest(ram))
    registers["rip"] += 1
    second = machine_digest(machine)
    assert (second.memory, second.registers != first.registers) == (first.memory, True)
    ram.view[77] = 1
    third = machine_digest(machine)
    assert (third.registers, third.memory != second.memory) == (second.registers, True)
