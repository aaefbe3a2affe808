"""Which code a guest has come to, roughly: what was not reached is known for sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GRANULE_SHIFT = 4
"""Code is told apart by 16 bytes, to which compilers align functions."""

REACHED_SLOTS = 1 << 16
"""So many granules; addresses farther apart than all of them share one."""

_COMPRESSION_LEVEL = 1


@dataclass(frozen=True, slots=True)
class ReachedCode:
    """One byte for each granule, not zero where it was reached; kept compressed."""

    packed: bytes

    @classmethod
    def of(cls, marks: bytes) -> ReachedCode:
        """From ``REACHED_SLOTS`` bytes."""
        import zstandard

        return cls(zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL).compress(marks))

    def may_hold(self, addresses: Iterable[int]) -> bool:
        """Whether an instruction at one of ``addresses`` may have been reached."""
        marks = self._marks()
        return any(marks[at >> GRANULE_SHIFT & (REACHED_SLOTS - 1)] for at in addresses)

    def __or__(self, other: ReachedCode) -> ReachedCode:
        """What either has reached."""
        both = int.from_bytes(self._marks(), "little") | int.from_bytes(other._marks(), "little")
        return ReachedCode.of(both.to_bytes(REACHED_SLOTS, "little"))

    def _marks(self) -> bytes:
        import zstandard

        marks: bytes = zstandard.ZstdDecompressor().decompress(self.packed)
        return marks
