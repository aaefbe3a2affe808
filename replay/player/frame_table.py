"""Which part of the call frame information describes which code; the descriptions themselves are
parsed when they are asked for: large guests have tens of thousands, and a stack has a few.

Sections: .debug_frame (DWARF 5, 6.4.1) and .eh_frame (LSB 5.0 Core, "Exception Frames").
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from replay.player.debug_lines import check_sections

_LENGTH_BYTES, _HEADER_BYTES = 4, 8
_LONG, _CIE_ID = 0xFFFF_FFFF, 0xFFFF_FFFF
_ENTRIES_MAX = 1 << 20
_RELATIVE = 0x10
_FORMATS = {0x0: "<QQ", 0x3: "<II", 0xB: "<iI", 0x4: "<QQ", 0xC: "<qQ"}
"""Of a pair of an address and a size, by the DW_EH_PE_ number without what it is relative to."""


class Description(NamedTuple):
    """The code that a description is of, and where both are: of the section number ``section``,
    the entry at ``at`` with what it has in common with others at ``common``."""

    start: int
    size: int
    section: int
    at: int
    common: int


class _Section(NamedTuple):
    data: bytes
    address: int
    is_eh: bool


class FrameTable:
    """The descriptions of one file; methods raise whatever a broken one makes them raise."""

    def __init__(self, elf: Any) -> None:
        check_sections(elf)
        dwarf = elf.get_dwarf_info(follow_links=False)
        self._structs = dwarf.structs
        self._sections = [
            _Section(_bytes_of(section), section.address, is_eh)
            for section, is_eh in ((dwarf.debug_frame_sec, False), (dwarf.eh_frame_sec, True))
            if section is not None
        ]
        self.descriptions = sorted(
            each for number in range(len(self._sections)) for each in self._of_section(number)
        )

    def size_of(self, description: Description) -> int:
        """Bytes of a description with what it has in common with others."""
        data = self._sections[description.section].data
        return sum(len(_entry_at(data, at)) for at in (description.at, description.common))

    def parsed(self, description: Description) -> Any:
        """A description as the parser has it."""
        section = self._sections[description.section]
        common = _entry_at(section.data, description.common)
        own = bytearray(_entry_at(section.data, description.at))
        # Both alone, one behind the other, and at addresses that what is relative counts from.
        back = len(common) + _LENGTH_BYTES if section.is_eh else 0
        own[_LENGTH_BYTES:_HEADER_BYTES] = back.to_bytes(4, "little")
        address = section.address + description.at - len(common)
        return self._parse(common + bytes(own), address, section.is_eh)[1]

    def _of_section(self, number: int) -> Iterator[Description]:
        data, address, is_eh = section = self._sections[number]

        @cache
        def encoding_of(common: int) -> int:
            return self._encoding(section, common)

        for at, found in _entries(data):
            is_common = found == (0 if is_eh else _CIE_ID)
            if is_common:
                continue
            common = at + _LENGTH_BYTES - found if is_eh else found
            encoding = encoding_of(common)
            form = _FORMATS.get(encoding & 0xF)
            if form is None or encoding & 0xF0 not in (0, _RELATIVE):
                continue  # what compilers do not write
            start, size = struct.unpack_from(form, data, at + _HEADER_BYTES)
            if encoding & _RELATIVE:
                start += address + at + _HEADER_BYTES
            yield Description(start, size, number, at, common)

    def _encoding(self, section: _Section, common: int) -> int:
        """How the addresses of the descriptions are written that have this in common."""
        if not section.is_eh:
            return 0
        (entry,) = self._parse(_entry_at(section.data, common), 0, section.is_eh)
        return int(entry.augmentation_dict.get("FDE_encoding", 0))

    def _parse(self, data: bytes, address: int, is_eh: bool) -> list[Any]:
        from elftools.dwarf.callframe import CallFrameInfo

        info = CallFrameInfo(io.BytesIO(data), len(data), address, self._structs, is_eh)
        found: list[Any] = info.get_entries()
        return found


def _bytes_of(section: Any) -> bytes:
    section.stream.seek(0)
    return bytes(section.stream.read(section.size))


def _entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Where entries begin, and the field behind their length: what kind they are."""
    at = 0
    for _ in range(_ENTRIES_MAX):
        if at + _HEADER_BYTES > len(data):
            return
        length, kind = struct.unpack_from("<II", data, at)
        if length == _LONG:
            raise ValueError("an entry in the format for more than 4 GiB")
        if length:
            yield at, kind
        at += _LENGTH_BYTES + length


def _entry_at(data: bytes, at: int) -> bytes:
    if not 0 <= at <= len(data) - _HEADER_BYTES:
        raise ValueError(f"an entry at {at:#x}, which is not in its section")
    (length,) = struct.unpack_from("<I", data, at)
    return data[at : at + _LENGTH_BYTES + length]
