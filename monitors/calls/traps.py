"""Nondeterministic processor instructions as calls, the same on every target and engine."""

from __future__ import annotations

from dataclasses import dataclass

from monitors.calls.values import crossing_value


@dataclass(frozen=True, slots=True)
class ReadTsc:
    """RDTSC (or RDMSR of IA32_TSC): the cycle counter; answered by ``TscReading``."""


@dataclass(frozen=True, slots=True)
class ReadTscp:
    """RDTSCP: the cycle counter and IA32_TSC_AUX; answered by ``TscReading``."""


@crossing_value
class TscReading:
    """The counter (u64) and, for RDTSCP, the auxiliary value (u32)."""

    cycles: int
    aux: int = 0


@dataclass(frozen=True, slots=True)
class RandomWord:
    """RDRAND or (``seed``) RDSEED of 16, 32 or 64 bits; answered by ``RandomReading``."""

    seed: bool
    bits: int


@dataclass(frozen=True, slots=True)
class RandomReading:
    """The value (below ``2**bits``); the carry flag is always set to 'valid'."""

    value: int


@dataclass(frozen=True, slots=True)
class Cpuid:
    """CPUID of a leaf and subleaf (u32 each); answered by ``CpuidReading``."""

    leaf: int
    subleaf: int


@dataclass(frozen=True, slots=True)
class CpuidReading:
    """The four output registers of CPUID (u32 each)."""

    eax: int
    ebx: int
    ecx: int
    edx: int


READ_TSC = ReadTsc()
READ_TSCP = ReadTscp()
