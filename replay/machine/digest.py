"""Digests of a machine's state, equal whenever two executions agree.

Only what every engine computes alike takes part. The status flags are left out, since each of them
is undefined after some instruction (all six after a bit scan) and processors and emulators differ
then; what a guest does with a flag shows in its other registers. So are the sticky exception bits
of MXCSR, and of the x87's status all but the top of its stack: emulators do not keep them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import google_crc32c

from monitors.ports import Registers
from replay.engines.ram import GuestRam
from replay.machine.machine import Machine

DIGEST_BYTES = 8
_CHUNK_BYTES = 64 << 10
_ZERO_CHUNK = bytes(_CHUNK_BYTES)
_STATUS_FLAGS = 0x8D5  # CF PF AF ZF SF OF
_MXCSR_STICKY = 0x3F
_X87_TOP = 0x3800
_MASKS = {"rflags": ~_STATUS_FLAGS, "mxcsr": ~_MXCSR_STICKY, "fsw": _X87_TOP}


@dataclass(frozen=True, slots=True)
class MachineDigest:
    """64 bits each over the registers and the memory of a machine."""

    registers: bytes
    memory: bytes


def machine_digest(machine: Machine) -> MachineDigest:
    """The digest of a stopped machine's whole state."""
    return MachineDigest(register_digest(machine.engine.registers()), memory_digest(machine.ram))


def register_digest(registers: Registers) -> bytes:
    """Over every register's name and value."""
    text = ",".join(
        f"{name}={value & _MASKS.get(name, -1):x}" for name, value in sorted(registers.items())
    )
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


def memory_digest(ram: GuestRam) -> bytes:
    """Over the address and CRC32C of every 64 KiB chunk that is not all zero.

    Pages that the host never had to provide are not touched, so that the cost follows the memory
    in use and not the guest's size.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    done = 0
    for start, end in ram.resident_ranges():
        first = max(done, start - start % _CHUNK_BYTES)
        for chunk in range(first, end, _CHUNK_BYTES):
            data = bytes(ram.view[chunk : chunk + _CHUNK_BYTES])
            if data != _ZERO_CHUNK[: len(data)]:
                digest.update(chunk.to_bytes(8, "little"))
                digest.update(google_crc32c.value(data).to_bytes(4, "little"))
            done = chunk + _CHUNK_BYTES
    return digest.digest()
