"""Builds ELF files for tests, valid or broken on purpose; an independent view of the format."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

ABI_TYPE = 0x31494241
MANIFEST_TYPE = 0x3154464D
PT_LOAD = 1
PT_NOTE = 4
R, W, X = 4, 2, 1


@dataclass(frozen=True)
class Header:
    """A program header; ``data`` is put into the file unless ``offset`` says otherwise."""

    type: int
    data: bytes = b""
    flags: int = R
    vaddr: int = 0
    filesz: int | None = None
    memsz: int | None = None
    align: int = 0x1000
    offset: int | None = None


def manifest_bytes(*devices: tuple[bytes, int], version: int = 1, entries: int | None = None):
    records = [(b"", 0x40000000), *devices]
    packed = struct.pack("<II", version, len(records) if entries is None else entries)
    for name, type_ in records:
        packed += struct.pack("<68sI16sQB7x", name, type_, bytes(16), 0, 0)
    return packed


def note(type_: int, desc: bytes, *, descsz: int | None = None, name: bytes = b"Solo5\0", namesz=6):
    size = len(desc) if descsz is None else descsz
    return struct.pack("<III8s", namesz, size, type_, name) + desc


def abi_note(target: int = 1, version: int = 2) -> bytes:
    return note(ABI_TYPE, struct.pack("<IIII", target, version, 0, 0))


def manifest_note(manifest: bytes | None = None) -> bytes:
    return note(MANIFEST_TYPE, bytes(4) + (manifest_bytes() if manifest is None else manifest))


OPENBSD = note(1, bytes(4), name=b"OpenBSD\0", namesz=8)
TEXT = Header(PT_LOAD, b"\x90" * 100, flags=X, vaddr=0x100000)
DATA = Header(PT_LOAD, b"data", flags=R | W, vaddr=0x102000, memsz=0x1800)


@dataclass(frozen=True)
class Elf:
    """A unikernel's file; the defaults make a valid hvt image with no devices."""

    openbsd: bytes = OPENBSD
    abi: bytes = field(default_factory=abi_note)
    manifest: bytes = field(default_factory=manifest_note)
    loads: tuple[Header, ...] = (TEXT, DATA)
    first: tuple[Header, ...] = ()
    magic: bytes = b"\x7fELF"
    ident: bytes = b"\x02\x01\x01"
    e_type: int = 2
    machine: int = 62
    version: int = 1
    entry: int = 0x100020
    ehsize: int = 64
    phentsize: int = 56
    phnum: int | None = None
    phoff: int = 64

    def headers(self) -> list[Header]:
        notes = (self.openbsd, self.abi, self.manifest)
        return [*self.first, *self.loads, *(Header(PT_NOTE, n, align=4) for n in notes if n)]

    def build(self) -> bytes:
        headers = self.headers()
        table, body = b"", b""
        body_at = 64 + 56 * len(headers)
        for header in headers:
            offset = body_at + len(body) if header.offset is None else header.offset
            body += header.data
            filesz = len(header.data) if header.filesz is None else header.filesz
            memsz = filesz if header.memsz is None else header.memsz
            table += struct.pack(
                "<IIQQQQQQ",
                *(header.type, header.flags, offset, header.vaddr, 0, filesz, memsz, header.align),
            )
        phnum = len(headers) if self.phnum is None else self.phnum
        return (
            self.magic
            + self.ident
            + bytes(9)
            + struct.pack(
                "<HHIQQQI", self.e_type, self.machine, self.version, self.entry, self.phoff, 0, 0
            )
            + struct.pack("<HHHHHH", self.ehsize, self.phentsize, phnum, 0, 0, 0)
            + table
            + body
        )


def text(**changes: object) -> Elf:
    """An image of which only the text segment is changed."""
    return Elf(loads=(replace(TEXT, **changes), DATA))


def data(**changes: object) -> Elf:
    """An image of which only the data segment is changed."""
    return Elf(loads=(TEXT, replace(DATA, **changes)))
