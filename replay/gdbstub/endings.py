"""How a guest ended, as the signal that a Unix program would have had."""

from __future__ import annotations

import struct

from monitors.calls.lifecycle import MisuseKind
from replay.gdbstub.protocol.replies import Signal
from replay.machine.ending import Halted, Misused
from replay.player.stops import View

# The halt cookie of hvt on x86-64: cr2, error code, rip, cs, rflags, rsp, ss of the trap.
_COOKIE = struct.Struct("<7Q")
_ABORTED = 255  # solo5.h, SOLO5_EXIT_ABORT
_OF_MISUSE = {
    MisuseKind.UNHANDLED_EXIT: Signal.SEGV,
    MisuseKind.INVALID_ACCESS: Signal.SEGV,
    MisuseKind.TRANSLATION_FAULT: Signal.SEGV,
    MisuseKind.SEGMENTATION_FAULT: Signal.SEGV,
    MisuseKind.INVALID_POINTER: Signal.SEGV,
    MisuseKind.INVALID_HYPERCALL: Signal.SYS,
    MisuseKind.FORBIDDEN_CALL: Signal.SYS,
    MisuseKind.ILLEGAL_INSTRUCTION: Signal.ILL,
    MisuseKind.ARITHMETIC_FAULT: Signal.FPE,
    MisuseKind.BREAKPOINT: Signal.TRAP,
    MisuseKind.BUS_ERROR: Signal.BUS,
}
_UD2, _INT3 = b"\x0f\x0b", b"\xcc"
_DIVISIONS = b"\xf6\xf7"
_REX = range(0x40, 0x50)
_OPERAND_SIZE_PREFIX = 0x66


def ending_signal(ending: Halted | Misused | None, view: View) -> Signal | None:
    """The signal for an ending by a fault or an abort; None for an orderly one."""
    match ending:
        case Misused():
            return _OF_MISUSE[ending.kind]
        case Halted(status=status, cookie=cookie) if status & 0xFF == _ABORTED:
            return _trap_signal(cookie, view) if len(cookie) >= _COOKIE.size else Signal.ABRT
    return None


def _trap_signal(cookie: bytes, view: View) -> Signal:
    """The cookie does not name the exception; the instruction that caused it tells most."""
    rip = _COOKIE.unpack_from(cookie)[2]
    if view.read(rip - 1, 1) == _INT3:
        return Signal.TRAP
    code = view.read(rip, 4) or bytes(4)
    while code[0] == _OPERAND_SIZE_PREFIX or code[0] in _REX:
        code = code[1:] + b"\0"
    if code.startswith(_UD2):
        return Signal.ILL
    if code[0] in _DIVISIONS and code[1] >> 4 & 3 == 3:
        return Signal.FPE
    return Signal.SEGV
