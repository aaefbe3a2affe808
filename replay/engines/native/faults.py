"""What a signal that stopped the guest's process means to the guest.

Linux tells a tracer the signal, its code and an address, and not the processor's error code; the
rest follows from the instruction and the guest's memory.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

from replay.engines.delivery import Raised
from replay.engines.errors import EngineFailure
from replay.engines.native.instruction import disassemble
from replay.engines.native.memory import Space, Stop
from replay.engines.native.ptrace import SignalInfo
from replay.engines.operands import operand_address
from replay.engines.ram import PAGE_BYTES
from replay.engines.sites import LONGEST_INSTRUCTION

_DE, _DB, _BP, _UD, _SS, _GP, _MF, _AC, _XM = 0, 1, 3, 6, 12, 13, 16, 17, 19
_KERNEL = 0x80  # SI_KERNEL: not an address, but the instruction
_FPE_INTDIV, _BUS_ADRALN, _TRAP_BRKPT = 1, 1, 1
_U64 = (1 << 64) - 1
_INT1 = b"\xf1"
# Those that do nothing with their first operand but write it; Capstone does not know of all.
_STORES = re.compile(
    r"(?:rep )?(?:mov|stos|stmxcsr|set|fst|fnst|fist|fnsave|fxsave|fbstp|pextr|extr)"
)


class Faults:
    """Knows the guest's memory and registers."""

    def __init__(self, space: Space, register: Callable[[str], int]) -> None:
        self._space = space
        self._register = register

    def stop_of(self, info: SignalInfo, rip: int) -> Stop:
        """The exception, or the exit, behind a signal at ``rip``.

        Raises EngineFailure for one that no guest can cause.
        """
        match info.number:
            case signal.SIGSEGV if info.code == _KERNEL:
                return Raised(_GP, 0)
            case signal.SIGSEGV:
                return self.access(info.address, rip)
            case signal.SIGILL:
                return Raised(_UD)
            case signal.SIGFPE if info.code == _FPE_INTDIV:
                return Raised(_DE)
            case signal.SIGFPE:
                return Raised(_MF if self._is_x87(rip) else _XM)
            case signal.SIGBUS if info.code == _KERNEL:
                return Raised(_SS, 0)
            case signal.SIGBUS if info.code == _BUS_ADRALN:
                return Raised(_AC, 0)
            case signal.SIGTRAP:
                return self._trap(info, rip)
        raise EngineFailure(
            f"the guest's process got {signal.Signals(info.number).name} (code {info.code}) at "
            f"{rip:#x}: the host may be out of memory"
        )

    def _trap(self, info: SignalInfo, rip: int) -> Raised:
        """INT1 or INT3; virtual machines have been seen to leave RIP before the former."""
        if info.code != _TRAP_BRKPT:
            return Raised(_BP, software=True, next_rip=rip)
        behind = rip + (self._space.fetch(rip, 1) == _INT1)
        return Raised(_DB, software=True, next_rip=behind)

    def access(self, gva: int, rip: int) -> Stop:
        """What became of an access to ``gva`` by the instruction at ``rip``."""
        code = self._space.fetch(rip, LONGEST_INSTRUCTION)
        is_fetch = not code or self._is_cut_short(code, rip, gva)
        write = not is_fetch and self._writes(code, rip, gva)
        stop = self._space.stop_of(gva, write=write, fetch=is_fetch)
        if stop is None:
            raise EngineFailure(f"the host refuses the guest's access to {gva:#x} at {rip:#x}")
        return stop

    def _is_cut_short(self, code: bytes, rip: int, gva: int) -> bool:
        """Whether the instruction goes on in the page at ``gva``, which cannot be executed."""
        if gva % PAGE_BYTES or not rip < gva < rip + LONGEST_INSTRUCTION:
            return False
        return disassemble(code[: gva - rip], rip) is None

    def _writes(self, code: bytes, rip: int, gva: int) -> bool:
        """Whether an instruction that cannot access ``gva`` meant to write first of all: one that
        reads and writes reads first, unless it is locked."""
        instruction = disassemble(code, rip)
        if instruction is None:
            return False
        if self._is_push(instruction, gva):
            return True
        operand = self._operand_at(instruction, gva)
        if operand is None:
            return False
        if operand is instruction.operands[0] and _STORES.match(instruction.mnemonic):
            return True
        reads, writes = bool(operand.access & 1), bool(operand.access & 2)
        is_locked = instruction.prefix[0] == 0xF0 or instruction.mnemonic == "xchg"
        return writes and (is_locked or not reads)

    def _operand_at(self, instruction: Any, gva: int) -> Any:
        import capstone

        operands = instruction.operands
        memory = [o for o in operands if o.type == capstone.x86.X86_OP_MEM]
        for operand in memory:
            at = operand_address(instruction, operand.mem, self._register)
            if (gva - at) & _U64 < max(int(operand.size), 1):
                return operand
        return memory[0] if len(memory) == 1 else None

    def _is_push(self, instruction: Any, gva: int) -> bool:
        mnemonic = instruction.mnemonic
        if not mnemonic.startswith(("push", "call", "enter")):
            return False
        return bool((self._register("rsp") - gva - 1) & _U64 < 8)

    def _is_x87(self, rip: int) -> bool:
        code = self._space.fetch(rip, LONGEST_INSTRUCTION).lstrip(
            bytes(range(0x40, 0x50)) + b"\x66"
        )
        return bool(code) and (0xD8 <= code[0] <= 0xDF or code[0] == 0x9B)
