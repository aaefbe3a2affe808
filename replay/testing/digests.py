"""Digests of a machine after its crossings: written down in one run, compared in another.

The log is a sequence of 24-byte entries: the crossing's index (u64, little endian), the digest of
the registers and that of the memory. The rule below says which crossings have one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from monitors.calls import Call, Result
from replay.machine.digest import MachineDigest, machine_digest
from replay.machine.machine import Machine

EVERY_CROSSING_BELOW = 2000
STRIDE = 101
"""Beyond the first 2000 crossings of a run, every 101st: a prime, so that loops are met anywhere
in their bodies."""

_ENTRY = struct.Struct("<Q8s8s")


def is_logged(index: int) -> bool:
    """Whether the crossing ``index`` has an entry."""
    return index < EVERY_CROSSING_BELOW or index % STRIDE == 0


class DigestLog:
    """An observer that writes the log of a run; ``data`` is the log so far."""

    def __init__(self, machine: Machine) -> None:
        self.data = bytearray()
        self._machine = machine

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if is_logged(index):
            digest = machine_digest(self._machine)
            self.data += _ENTRY.pack(index, digest.registers, digest.memory)


class DigestDifference(Exception):
    """The state after crossing ``index`` is not the one that the log has."""

    def __init__(self, index: int, what: str) -> None:
        self.index = index
        self.what = what
        super().__init__(f"after crossing {index}: {what}")


class DigestCheck:
    """An observer that compares a run with the log of another; ``compared`` counts entries."""

    def __init__(self, machine: Machine, log: bytes) -> None:
        self.compared = 0
        self._machine = machine
        self._entries = list(read_log(log))

    @property
    def due(self) -> int:
        """See ``replay.machine.ports.SparseObserver``: a lane may have what no entry is about."""
        return self._entries[self.compared][0] if self.compared < len(self._entries) else 0

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``; raises ``DigestDifference``."""
        if not is_logged(index):
            return
        entries = self._entries[self.compared : self.compared + 1]
        logged, digest = entries[0] if entries else (-1, MachineDigest(b"", b""))
        if logged != index:
            raise DigestDifference(index, f"the log's next entry is of crossing {logged}")
        actual = machine_digest(self._machine)
        if actual.registers != digest.registers:
            raise DigestDifference(index, "registers differ")
        if actual.memory != digest.memory:
            raise DigestDifference(index, "memory differs")
        self.compared += 1


def read_log(log: bytes) -> Iterator[tuple[int, MachineDigest]]:
    """The entries of a log: index and digest."""
    for index, registers, memory in _ENTRY.iter_unpack(log):
        yield index, MachineDigest(registers, memory)


def entry_count(log: bytes) -> int:
    """How many entries a log has."""
    return len(log) // _ENTRY.size
