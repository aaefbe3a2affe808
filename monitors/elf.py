"""Reading a unikernel's ELF file: its two Solo5 notes and its loadable segments.

The rules are those of upstream's tenders (Solo5 v0.12, elf.c), in their order, so a file is refused
here exactly when a tender refuses it; rules that need the memory size are in ``check_fits``. Files
are untrusted: whatever the bytes, the outcome is a value or ``BadImage``. The two header records
are read with ``struct``, because a parser with opinions of its own refuses and accepts other files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from monitors.errors import BadImage, BadManifest
from monitors.manifest import Manifest, parse_manifest
from monitors.ports import GuestImage, Protection, Segment

GUEST_MIN_BASE = 0x100000
PAGE_SIZE = 0x1000

TARGETS = {1: "hvt", 2: "spt", 3: "virtio", 4: "muen", 5: "genode", 6: "xen"}
"""Target numbers of the ABI note (elf_abi.h)."""

# elf.h: Elf64_Ehdr, Elf64_Phdr. elf_abi.h: the head of a note, its 8-byte name included.
_EHDR = struct.Struct("<4sBBB9xHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_NOTE = struct.Struct("<III8s")
_ABI_INFO = struct.Struct("<II")

_MAGIC = b"\x7fELF"
_CLASS_64 = 2
_LITTLE_ENDIAN = 1
_VERSION = 1
_TYPE_EXEC = 2
_MACHINE_X86_64 = 62
_PT_LOAD = 1
_PT_NOTE = 4
_PF_X = 1
_PF_W = 2
_PF_R = 4

_NOTE_HEADER_SIZE = 12
_NOTE_NAME_SIZE = 6
_NOTE_NAME = b"Solo5\0"
_INVALID_SIZE = "note does not fall within valid size"
_U64_END = 1 << 64
_ORDER_RULE = "segments rise from 0x100000 and do not overlap"


@dataclass(frozen=True, slots=True)
class AbiInfo:
    """What the ABI note says: a target's name (``unknown`` for a new number) and its version."""

    target: str
    version: int


@dataclass(frozen=True, slots=True)
class _NoteKind:
    what: str
    type: int
    padding: int
    descsz_max: int


# elf_abi.h and mft_abi.h: note types, bytes of padding before the contents, largest descsz.
_ABI_NOTE = _NoteKind("ABI information", 0x31494241, 0, 32)
_MANIFEST_NOTE = _NoteKind("manifest", 0x3154464D, 4, 6668)


@dataclass(frozen=True, slots=True)
class _ProgramHeader:
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True, slots=True)
class _Elf:
    data: bytes
    entry: int
    headers: Sequence[_ProgramHeader]

    def bytes_at(self, offset: int, size: int, what: str) -> bytes:
        if offset + size > len(self.data):
            raise BadImage(f"{what} lies beyond the end of the file", hint="the file is cut short")
        return bytes(self.data[offset : offset + size])


def read_image(data: bytes, *, name: str) -> GuestImage:
    """The unikernel in an ELF file's bytes; BadImage, naming the file ``name``, if it is none.

    One limit is this reader's own: segments may not hold more bytes in all than the file does.
    """
    with _errors_name(name):
        elf = _read_elf(data)
        abi = _abi_info(elf)
        manifest = _manifest(elf)
        if elf.entry < GUEST_MIN_BASE:
            raise BadImage(f"entry point {elf.entry:#x} is below {GUEST_MIN_BASE:#x}")
        loads = [h for h in elf.headers if h.type == _PT_LOAD and h.filesz > 0]
        protections = _protections(loads)
        return GuestImage(
            target=abi.target,
            abi_version=abi.version,
            manifest=manifest,
            entry=elf.entry,
            segments=_segments(elf, loads),
            protections=protections,
            kernel_end=max((p.end for p in protections), default=0),
        )


def query_abi(data: bytes, *, name: str) -> AbiInfo:
    """The ABI note of an ELF file alone; BadImage as for ``read_image``."""
    with _errors_name(name):
        return _abi_info(_read_elf(data))


def query_manifest(data: bytes, *, name: str) -> Manifest:
    """The manifest of an ELF file alone; BadImage as for ``read_image``."""
    with _errors_name(name):
        return _manifest(_read_elf(data))


def check_fits(image: GuestImage, mem_size: int) -> None:
    """Refuse an image that ``mem_size`` bytes of memory do not hold, with BadImage."""
    hint = "give the guest more memory"
    if image.entry >= mem_size:
        raise BadImage(f"entry point {image.entry:#x} is beyond {mem_size:#x} bytes", hint=hint)
    if image.kernel_end > mem_size:
        end = image.kernel_end
        raise BadImage(f"segments end at {end:#x}, beyond {mem_size:#x} bytes", hint=hint)


@contextmanager
def _errors_name(name: str) -> Iterator[None]:
    try:
        yield
    except (BadImage, BadManifest) as error:
        raise BadImage(f"{name}: {error.what}", hint=error.hint) from error


def _read_elf(data: bytes) -> _Elf:
    if len(data) < _EHDR.size:
        raise BadImage("not an ELF file: shorter than its header")
    header = _EHDR.unpack_from(data)
    magic, class_, order, ident_version, type_, machine, version, entry, phoff = header[:9]
    ehsize, phentsize, phnum = header[11:14]
    if magic != _MAGIC:
        raise BadImage("not an ELF file: wrong magic number")
    if (class_, order) != (_CLASS_64, _LITTLE_ENDIAN):
        raise BadImage("not a 64-bit little-endian ELF file")
    if (ident_version, version) != (_VERSION, _VERSION):
        raise BadImage(f"ELF version is not {_VERSION}")
    if ehsize != _EHDR.size or phentsize != _PHDR.size or phnum < 1:
        raise BadImage("ELF header has wrong record sizes or no program headers")
    if type_ != _TYPE_EXEC:
        raise BadImage(f"ELF type {type_} is no executable", hint="link without -pie")
    if machine != _MACHINE_X86_64:
        raise BadImage(f"ELF machine {machine} is not x86-64 ({_MACHINE_X86_64})")
    table_size = phnum * _PHDR.size
    if phoff + table_size > len(data):
        raise BadImage("program headers lie beyond the end of the file")
    table = _PHDR.iter_unpack(memoryview(data)[phoff : phoff + table_size])
    return _Elf(data, entry, [_ProgramHeader(*fields) for fields in table])


def _abi_info(elf: _Elf) -> AbiInfo:
    contents = _note(elf, _ABI_NOTE)
    if len(contents) < _ABI_INFO.size:
        raise BadImage(f"ABI note of {len(contents)} bytes is too short")
    target, version = _ABI_INFO.unpack_from(contents)
    return AbiInfo(TARGETS.get(target, "unknown"), version)


def _manifest(elf: _Elf) -> Manifest:
    return parse_manifest(_note(elf, _MANIFEST_NOTE))


def _note(elf: _Elf, kind: _NoteKind) -> bytes:
    """The contents of the first note of a kind; only the first note of each PT_NOTE counts."""
    for header in elf.headers:
        if header.type != _PT_NOTE:
            continue
        if header.filesz < _NOTE_HEADER_SIZE:
            raise BadImage(f"{_INVALID_SIZE}: PT_NOTE of {header.filesz} bytes")
        if header.filesz < _NOTE.size:
            continue
        head = elf.bytes_at(header.offset, _NOTE.size, "a note")
        namesz, descsz, type_, name = _NOTE.unpack(head)
        is_ours = namesz == _NOTE_NAME_SIZE and name[:_NOTE_NAME_SIZE] == _NOTE_NAME
        if is_ours and type_ == kind.type:
            return _note_contents(elf, header, kind, descsz)
    hint = "is this a Solo5 unikernel?"
    raise BadImage(f"no {kind.what} in the file", hint=hint)


def _note_contents(elf: _Elf, header: _ProgramHeader, kind: _NoteKind, descsz: int) -> bytes:
    if not kind.padding < descsz <= kind.descsz_max:
        raise BadImage(f"{kind.what} {_INVALID_SIZE}: {descsz} bytes")
    if header.filesz < _NOTE.size + descsz:
        raise BadImage(f"{kind.what} {_INVALID_SIZE}: {descsz} bytes in {header.filesz}")
    contents_at = header.offset + _NOTE.size + kind.padding
    return elf.bytes_at(contents_at, descsz - kind.padding, f"the {kind.what}")


def _protections(loads: Sequence[_ProgramHeader]) -> Sequence[Protection]:
    """One protection for each segment, in the order of their addresses."""
    protections: list[Protection] = []
    lowest = GUEST_MIN_BASE
    for header in loads:
        start, end = _rounded_range(header)
        if start < lowest:
            raise BadImage(f"segment at {start:#x} begins below {lowest:#x}", hint=_ORDER_RULE)
        if start % PAGE_SIZE or end % PAGE_SIZE:
            raise BadImage(f"segment {start:#x} to {end:#x} is not made of whole pages")
        if header.flags & _PF_W and header.flags & _PF_X:
            raise BadImage(f"segment at {start:#x} is writable and executable")
        protections.append(_protection(start, end, header.flags))
        lowest = end
    return tuple(protections)


def _protection(start: int, end: int, flags: int) -> Protection:
    """The rights that a processor gives: x86-64 has none that do not include reading."""
    return Protection(
        start,
        end,
        writable=bool(flags & _PF_W),
        readable=bool(flags & (_PF_R | _PF_W | _PF_X)),
        executable=bool(flags & _PF_X),
    )


def _rounded_range(header: _ProgramHeader) -> tuple[int, int]:
    align = header.align
    if align == 0 or align & (align - 1):
        raise BadImage(f"alignment {align:#x} of a segment is no power of two")
    if header.memsz < header.filesz:
        raise BadImage(f"segment at {header.vaddr:#x} is smaller in memory than in the file")
    start = header.vaddr & -align
    end = (header.vaddr + header.memsz + align - 1) & -align
    if end >= _U64_END:
        raise BadImage(f"segment at {header.vaddr:#x} ends beyond the address space")
    return start, end


def _segments(elf: _Elf, loads: Sequence[_ProgramHeader]) -> Sequence[Segment]:
    if sum(header.filesz for header in loads) > len(elf.data):
        raise BadImage("segments hold more bytes than the file", hint="the file is cut short")
    return tuple(Segment(h.vaddr, elf.bytes_at(h.offset, h.filesz, "a segment")) for h in loads)
