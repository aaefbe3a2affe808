"""Trapped instructions as calls, and their answers as register values; the same on every target.

What the values are is the source's business; this module knows only which call an instruction
makes and what the processor's manual says about the registers that it writes.
"""

from __future__ import annotations

from monitors.calls import Result
from monitors.calls.traps import (
    READ_TSC,
    READ_TSCP,
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    TscReading,
)
from monitors.errors import BadAnswer
from monitors.ports import Crossing, Registers, Trap, TrapKind

_U32 = 0xFFFFFFFF
_CARRY_FLAG = 0x001
# PF AF ZF SF OF: cleared, while CF says that the value is valid (Intel SDM volume 2, RDRAND).
_RANDOM_FLAGS = 0x8D4


def decode_trap(trap: Trap) -> Crossing:
    """The call that a trapped instruction makes."""
    match trap.kind:
        case TrapKind.RDTSC:
            return Crossing(READ_TSC, trap=trap)
        case TrapKind.RDTSCP:
            return Crossing(READ_TSCP, trap=trap)
        case TrapKind.RDRAND:
            return Crossing(RandomWord(seed=False, bits=trap.bits), trap=trap)
        case TrapKind.RDSEED:
            return Crossing(RandomWord(seed=True, bits=trap.bits), trap=trap)
        case TrapKind.CPUID:
            return Crossing(Cpuid(trap.leaf & _U32, trap.subleaf & _U32), trap=trap)


def encode_trap(trap: Trap, result: Result) -> Registers:
    """The registers that the trapped instruction writes; BadAnswer for a result not its own."""
    match trap.kind, result:
        case ((TrapKind.RDTSC | TrapKind.RDTSCP), TscReading()):
            return _tsc_registers(trap, result)
        case ((TrapKind.RDRAND | TrapKind.RDSEED), RandomReading()):
            return _random_registers(trap, result)
        case TrapKind.CPUID, CpuidReading():
            return _cpuid_registers(result)
        case _:
            raise BadAnswer(trap, result, f"a {trap.kind.value} instruction waits for it")


def _tsc_registers(trap: Trap, reading: TscReading) -> Registers:
    changed = {"rax": reading.cycles & _U32, "rdx": (reading.cycles >> 32) & _U32}
    if trap.kind is TrapKind.RDTSCP:
        changed["rcx"] = reading.aux & _U32
    return changed


def _random_registers(trap: Trap, reading: RandomReading) -> Registers:
    # A 16-bit destination keeps the register's upper 48 bits; a 32-bit one clears its upper half.
    kept = trap.previous & ~0xFFFF if trap.bits == 16 else 0
    value = kept | (reading.value & ((1 << trap.bits) - 1))
    return {trap.register: value, "rflags": (trap.rflags & ~_RANDOM_FLAGS) | _CARRY_FLAG}


def _cpuid_registers(reading: CpuidReading) -> Registers:
    return {
        "rax": reading.eax & _U32,
        "rbx": reading.ebx & _U32,
        "rcx": reading.ecx & _U32,
        "rdx": reading.edx & _U32,
    }
