"""How a guest ended, as a signal."""

from __future__ import annotations

import struct

import pytest

from monitors.calls.lifecycle import MisuseKind
from monitors.ports import Registers
from replay.gdbstub.endings import ending_signal
from replay.gdbstub.protocol.replies import Signal
from replay.machine.ending import Halted, Misused

RIP = 0x100010


class Code:
    """Memory with some bytes from ``RIP`` - 1 on."""

    def __init__(self, code: bytes) -> None:
        self.code = code

    def registers(self) -> Registers:
        return {}

    def read(self, address: int, size: int) -> bytes | None:
        at = address - RIP + 1
        return self.code[at : at + size].ljust(size, b"\0") if self.code else None


def test_orderly_ends_have_no_signal() -> None:
    assert ending_signal(None, Code(b"")) is None
    assert ending_signal(Halted(0), Code(b"")) is None
    assert ending_signal(Halted(1), Code(b"")) is None


@pytest.mark.parametrize("kind", MisuseKind)
def test_every_broken_rule_has_a_signal(kind: MisuseKind) -> None:
    signal = ending_signal(Misused(kind, ""), Code(b""))
    assert signal is not None
    if kind.process_status > 128:
        assert (
            signal.name
            == {31: "SYS", 11: "SEGV", 4: "ILL", 8: "FPE", 5: "TRAP", 7: "BUS"}[
                kind.process_status - 128
            ]
        )


def test_an_abort() -> None:
    assert ending_signal(Halted(255), Code(b"")) is Signal.ABRT
    assert ending_signal(Halted(-1), Code(b"")) is Signal.ABRT


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        (b"\0\x48\xf7\xf9", Signal.FPE),
        (b"\0\xf6\x36", Signal.FPE),
        (b"\0\x66\xf7\xf1", Signal.FPE),
        (b"\0\x0f\x0b", Signal.ILL),
        (b"\xcc\x90", Signal.TRAP),
        (b"\0\x48\x89\x07", Signal.SEGV),
        (b"\0\xf7\xd8", Signal.SEGV),
        (b"\0\x66\x66\x66\x66", Signal.SEGV),
        (b"", Signal.SEGV),
    ],
)
def test_a_trap_is_known_by_its_instruction(code: bytes, signal: Signal) -> None:
    cookie = struct.pack("<7Q", 0, 0, RIP, 8, 2, 0, 0)
    assert ending_signal(Halted(255, cookie), Code(code)) is signal
