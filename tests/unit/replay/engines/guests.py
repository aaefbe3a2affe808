"""Guests of a few instructions, run directly on an engine: no ELF, no bindings, no monitor."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from monitors.hvt.boot import boot_state
from monitors.manifest import Manifest
from monitors.ports import BootRequest, Exit, GuestImage, PortWrite, Protection, Segment
from replay.engines.ports import Engine
from replay.engines.ram import GuestRam
from replay.engines.unicorn.callbacks import PURE_PYTHON_VARIABLE
from replay.engines.unicorn.engine import UnicornEngine

MEM_BYTES = 4 << 20
CODE = 0x100000
HANDLERS = 0x140000
IDT = 0x180000
TSS = 0x181000
GDT = 0x182000
DATA = 0x183000
IST_TOP = 0x1E0000
STACK_TOP = 0x1F0000
HEAP = 0x200000
UNMAPPED = 0x8_0000_0000

CODE_SELECTOR, DATA_SELECTOR, TSS_SELECTOR = 0x08, 0x10, 0x18
VECTORS = 32
REPORT_PORT = 0x10
_HANDLER_BYTES = 16
_WITH_ERROR_CODE = (8, 10, 11, 12, 13, 14, 17)


@cache
def assemble(text: str) -> bytes:
    """Machine code for Intel syntax; the test is skipped where there is no assembler."""
    if shutil.which("as") is None or shutil.which("objcopy") is None:
        pytest.skip("as or objcopy is not installed: apt-get install binutils")
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "a.s"), Path(folder, "a.o")
        source.write_text(f".intel_syntax noprefix\n{text}\n")
        subprocess.run(["as", "-o", output, source], check=True, capture_output=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", output], check=True)
        return output.read_bytes()


@dataclass(frozen=True, slots=True)
class Frame:
    """What the processor pushed for an exception."""

    vector: int
    error_code: int | None
    rip: int
    cs: int
    rflags: int
    rsp: int
    ss: int


class Guest:
    """An engine with its memory."""

    def __init__(self, engine: Engine, ram: GuestRam) -> None:
        self.engine = engine
        self.ram = ram

    def run(self) -> Exit:
        return self.engine.run()

    def word(self, gpa: int) -> int:
        return int.from_bytes(self.engine.read(gpa, 8), "little")

    def __getitem__(self, register: str) -> int:
        return self.engine.registers()[register]

    def frame(self, exit_: Exit) -> Frame:
        """The frame of the exception that a handler of ``with_handlers`` reports by ``exit_``."""
        assert isinstance(exit_, PortWrite), exit_
        assert exit_.port == REPORT_PORT
        vector, rsp = exit_.value, self["rsp"]
        code = None
        if vector in _WITH_ERROR_CODE:
            code, rsp = self.word(rsp), rsp + 8
        return Frame(vector, code, *(self.word(rsp + 8 * n) for n in range(5)))


@contextmanager
def guest(
    code: bytes | str,
    *,
    at: int = CODE,
    segments: Sequence[Segment] = (),
    protections: Sequence[Protection] = (),
    registers: dict[str, int] | None = None,
    pure_python: bool = False,
    engine_class: type[Engine] = UnicornEngine,
) -> Iterator[Guest]:
    """A guest that starts with ``code``, machine code or assembly, in hvt's boot state."""
    image = GuestImage("hvt", 2, Manifest(()), at, (), (), CODE)
    boot = boot_state(BootRequest(image=image, mem_size=MEM_BYTES, tsc_hz=1))
    ram = GuestRam(MEM_BYTES)
    text = assemble(code) if isinstance(code, str) else code
    for segment in (*boot.segments, Segment(at, text), *segments):
        ram.view[segment.gpa : segment.gpa + len(segment.data)] = segment.data
    engine = engine_class()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PURE_PYTHON_VARIABLE, "1" if pure_python else "")
        engine.map(ram, protections)
    engine.set_registers({**boot.registers, "rsp": STACK_TOP, **(registers or {})})
    try:
        yield Guest(engine, ram)
    finally:
        engine.close()
        ram.close()


def stop_of(code: bytes | str, **options: object) -> Exit:
    """The first exit of a guest."""
    with guest(code, **options) as machine:  # type: ignore[arg-type]
        return machine.run()


def tables(*, ist: int = 0, gate: int = 0x8E, vectors: int = VECTORS) -> list[Segment]:
    """GDT, TSS and IDT, with a handler for every vector that reports it to REPORT_PORT."""
    tss = bytearray(0x68)
    struct.pack_into("<Q", tss, 0x24, IST_TOP)
    low = 0x67 | (TSS & 0xFFFFFF) << 16 | 0x89 << 40 | (TSS >> 24) << 56
    gdt = struct.pack("<5Q", 0, 0x00AF99000000FFFF, 0x00CF93000000FFFF, low, 0)
    gates = [
        struct.pack("<HHBBHQ", at & 0xFFFF, CODE_SELECTOR, ist, gate, at >> 16, 0)
        for at in range(HANDLERS, HANDLERS + vectors * _HANDLER_BYTES, _HANDLER_BYTES)
    ]
    handlers = b"".join(
        (b"\xb8" + struct.pack("<I", vector) + b"\xe7" + bytes([REPORT_PORT])).ljust(
            _HANDLER_BYTES, b"\xf4"
        )
        for vector in range(vectors)
    )
    pointers = struct.pack("<HQ6xHQ", 16 * vectors - 1, IDT, len(gdt) - 1, GDT)
    return [
        Segment(GDT, gdt),
        Segment(TSS, bytes(tss)),
        Segment(IDT, b"".join(gates)),
        Segment(HANDLERS, handlers),
        Segment(DATA, pointers),
    ]


LOAD_TABLES = f"""
    mov rax, {DATA}
    lidt [rax]
    mov rax, {DATA + 16}
    lgdt [rax]
    mov eax, {TSS_SELECTOR}
    ltr ax
    xor eax, eax
"""


def with_handlers(body: str) -> str:
    """Assembly that loads ``tables`` and goes on with ``body``."""
    return LOAD_TABLES + body


def offset_of(body: str) -> int:
    """The address of what follows ``body`` in a guest made by ``with_handlers``."""
    return CODE + len(assemble(with_handlers(body)))


def is_compiled() -> bool:
    """Whether the compiled callbacks exist on this host and are not kept out."""
    folder = Path(__file__).resolve().parents[4] / "replay/engines/unicorn"
    return any(folder.glob("_hooks*.so")) and not os.environ.get(PURE_PYTHON_VARIABLE)
