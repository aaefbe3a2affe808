"""The agent's machine code, found beside this module and read from its ELF file.

It is a shared object without relocations, imports or a thread-local part, so that it runs wherever
it is put. ``SOLO5_REPLAY_PURE_PYTHON=1`` has it ignored.
"""

from __future__ import annotations

import importlib.machinery
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replay.engines.errors import EngineUnavailable
from replay.engines.native.layout import FINGERPRINT, SHARED_BYTES
from replay.engines.ram import PAGE_BYTES

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_WORDS = struct.Struct("<QQ")  # Elf64_Dyn
_PT_LOAD, _PT_DYNAMIC, _PT_TLS = 1, 2, 7
_RELOCATIONS = {2, 7, 17, 23, 36}  # DT_PLTRELSZ, DT_RELA, DT_REL, DT_JMPREL, DT_RELR
_TABLE = struct.Struct("<4q")
_FINGERPRINT = struct.Struct(f"<{len(FINGERPRINT)}q")
_CPUINFO_BYTES = 8192
_SIZE_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """Whole pages at ``offset`` from the agent's beginning: ``protection`` is read 1, write 2,
    execute 4."""

    offset: int
    size: int
    protection: int


@dataclass(frozen=True, slots=True)
class AgentImage:
    """``data`` is what lies in memory; addresses are offsets into it.

    A trampoline jumps to ``entry``; ``stopped`` is a breakpoint at which the guest's registers are
    complete but for RIP; the shared memory belongs at ``shared``.
    """

    data: bytes
    parts: tuple[Part, ...]
    entry: int
    stopped: int
    shared: int


def find_agent() -> AgentImage | None:
    """The agent, or None where there is none for this machine; raises EngineUnavailable for one
    that belongs to another version."""
    if os.environ.get("SOLO5_REPLAY_PURE_PYTHON") == "1" or not _has_checksum_instruction():
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).parent / f"_agent{suffix}"
        if path.is_file():
            return read_agent(path.read_bytes())
    return None


def read_agent(file: bytes) -> AgentImage:
    """The image in an ELF file; raises EngineUnavailable when it is not one that can be used."""
    try:
        return _read(file)
    except (struct.error, ValueError) as error:
        what = f"its agent is not usable ({error})"
        raise EngineUnavailable("native", what, "build the package again") from error


def _read(file: bytes) -> AgentImage:
    magic, *_, table_at, segments_at, _, _, _, _, count, _, _, _ = _HEADER.unpack_from(file)
    if magic[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit ELF file")
    segments = [_SEGMENT.unpack_from(file, segments_at + 56 * index) for index in range(count)]
    loaded = [segment for segment in segments if segment[0] == _PT_LOAD]
    if any(segment[0] == _PT_TLS for segment in segments):
        raise ValueError("it has thread-local data")
    end = _page_up(max(segment[3] + segment[6] for segment in loaded))
    if end > _SIZE_MAX:
        raise ValueError(f"it takes {end} bytes")
    data = bytearray(end)
    for _, _, offset, address, _, size, _, _ in loaded:
        data[address : address + size] = file[offset : offset + size]
    _check_relocations(data, segments)
    entry, stopped, shared, fingerprint = _TABLE.unpack_from(data, table_at)
    if _FINGERPRINT.unpack_from(data, table_at + fingerprint) != FINGERPRINT:
        raise ValueError("it was built from other sources")
    if (table_at + shared) % PAGE_BYTES or table_at + shared + SHARED_BYTES > end:
        raise ValueError("its shared memory does not lie on pages")
    parts = tuple(_part(segment) for segment in loaded)
    return AgentImage(bytes(data), parts, table_at + entry, table_at + stopped, table_at + shared)


def _part(segment: tuple[int, ...]) -> Part:
    _, flags, _, address, _, _, size, _ = segment
    start = address - address % PAGE_BYTES
    protection = flags >> 2 & 1 | flags & 2 | (flags & 1) << 2
    return Part(start, _page_up(address + size) - start, protection)


def _check_relocations(data: bytearray, segments: list[tuple[int, ...]]) -> None:
    for segment in segments:
        if segment[0] == _PT_DYNAMIC:
            for tag, value in _dynamic(data, segment[3], segment[6]):
                if tag in _RELOCATIONS and value:
                    raise ValueError("it has relocations")


def _dynamic(data: bytearray, start: int, size: int) -> Iterator[tuple[int, int]]:
    for at in range(start, start + size, _WORDS.size):
        yield _WORDS.unpack_from(data, at)


def _page_up(value: int) -> int:
    return -(-value // PAGE_BYTES) * PAGE_BYTES


def _has_checksum_instruction() -> bool:
    """SSE4.2, of which the agent uses CRC32; every processor since 2008 has it."""
    with Path("/proc/cpuinfo").open("rb") as file:
        return b" sse4_2 " in file.read(_CPUINFO_BYTES)
