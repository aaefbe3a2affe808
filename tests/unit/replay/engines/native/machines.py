"""Guests of a few instructions on the native engine."""

from __future__ import annotations

from contextlib import AbstractContextManager

from monitors.ports import Protection, Segment
from replay.engines.native.engine import NativeEngine
from replay.engines.ram import GuestRam
from tests.unit.replay.engines.guests import CODE, HEAP, Guest, assemble, guest, tables

TEXT = (Protection(CODE, CODE + 0x1000, writable=False),)
"""With this, the guest's code is swept and runs freely; without, it is stepped through."""

USER_REGISTERS = {
    **dict.fromkeys(("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp"), 0),
    **dict.fromkeys((f"r{number}" for number in range(8, 16)), 0),
    **dict.fromkeys(("ds", "es", "fs", "gs", "fs_base", "gs_base"), 0),
    "rip": CODE,
    "rsp": HEAP + 0x10000,
    "rflags": 0x202,
    "cs": 0x33,
    "ss": 0x2B,
}


def native(code: bytes | str, *, stepped: bool = False) -> AbstractContextManager[Guest]:
    """A guest in ring 0 with ``tables``, in text that the host protects or in plain memory."""
    protections = () if stepped else TEXT
    return guest(code, protections=protections, segments=tables(), engine_class=NativeEngine)


class UserGuest:
    """A guest in user mode: 4 MiB, of which the code can be executed and the rest written."""

    def __init__(self, code: bytes | str) -> None:
        self.ram = GuestRam(4 << 20)
        text = assemble(code) if isinstance(code, str) else code
        self.ram.view[CODE : CODE + len(text)] = text
        self.engine = NativeEngine()
        self.engine.map(
            self.ram,
            (
                Protection(0, 0x10000, writable=False, readable=False, executable=False),
                Protection(CODE, CODE + 0x1000, writable=False),
                Protection(HEAP, self.ram.size, writable=True, executable=False),
            ),
        )
        self.engine.set_registers(USER_REGISTERS)

    def __enter__(self) -> NativeEngine:
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.engine.close()
        self.ram.close()


def place(at: int, code: str) -> Segment:
    """Assembled code somewhere else."""
    return Segment(at, assemble(code))
