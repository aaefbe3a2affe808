"""The clock that the kernel maps into every process: ``__vdso_clock_gettime``."""

from __future__ import annotations

import struct

from replay.engines.native.child import Child

REGIONS = ("[vdso]", "[vvar]", "[vvar_vclock]")
"""What has to stay mapped for it, by the kernel's names."""

_SYMBOL = b"__vdso_clock_gettime"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_DYNAMIC = struct.Struct("<QQ")  # Elf64_Dyn
_ENTRY = struct.Struct("<IBBHQQ")  # Elf64_Sym
_PT_DYNAMIC = 2
_DT_STRTAB, _DT_SYMTAB, _DT_STRSZ = 5, 6, 10


def clock_function(child: Child) -> tuple[int, tuple[int, int]]:
    """The function's address and the ``[start, end)`` of the code around it; zeros where the kernel
    offers none."""
    region = next((each for each in child.regions() if each.name == "[vdso]"), None)
    if region is None:
        return 0, (0, 0)
    data = child.read(region.start, region.end - region.start)
    try:
        offset = _find(data)
    except (struct.error, ValueError):
        return 0, (0, 0)
    return region.start + offset, (region.start, region.end)


def _find(data: bytes) -> int:
    """The symbol's offset; ValueError or struct.error where there is none."""
    tags = _dynamic_tags(data)
    names = data[tags[_DT_STRTAB] : tags[_DT_STRTAB] + tags[_DT_STRSZ]]
    wanted = (b"\0" + names).index(b"\0" + _SYMBOL + b"\0")
    # The table of symbols ends where that of their names begins.
    for at in range(tags[_DT_SYMTAB], tags[_DT_STRTAB] - _ENTRY.size + 1, _ENTRY.size):
        name, _, _, _, value, _ = _ENTRY.unpack_from(data, at)
        if name == wanted and value < len(data):
            return int(value)
    raise ValueError("no such symbol")


def _dynamic_tags(data: bytes) -> dict[int, int]:
    _, _, _, _, _, segments_at, _, _, _, _, count, _, _, _ = _HEADER.unpack_from(data)
    for index in range(count):
        segment = _SEGMENT.unpack_from(data, segments_at + index * _SEGMENT.size)
        if segment[0] == _PT_DYNAMIC:
            start, size = segment[3], segment[6]
            places = range(start, start + size, _DYNAMIC.size)
            tags = dict(_DYNAMIC.unpack_from(data, at) for at in places)
            if {_DT_STRTAB, _DT_SYMTAB, _DT_STRSZ} <= tags.keys():
                return tags
    raise ValueError("no dynamic section")
