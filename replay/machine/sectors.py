"""Which bytes of a block device a trace already holds.

Recorder and player keep this in step: every sector that the guest wrote or read as a whole is
*known* from then on, and a later read of known sectors needs no data in the trace.
"""

from __future__ import annotations

SECTOR_BYTES = 512
_SECTORS_PER_WORD = 1024


class KnownSectors:
    """The known sectors of one device: a bitmap that grows with the places touched."""

    def __init__(self) -> None:
        self._words: dict[int, int] = {}

    def learn(self, offset: int, length: int) -> None:
        """Every sector that lies wholly in ``[offset, offset + length)`` is known from now on."""
        first = -(-offset // SECTOR_BYTES)
        for word, mask in _masks(first, (offset + length) // SECTOR_BYTES):
            self._words[word] = self._words.get(word, 0) | mask

    def covers(self, offset: int, length: int) -> bool:
        """Whether every sector that ``[offset, offset + length)`` touches is known."""
        last = -(-(offset + length) // SECTOR_BYTES)
        return all(
            self._words.get(word, 0) & mask == mask
            for word, mask in _masks(offset // SECTOR_BYTES, last)
        )


def _masks(first: int, end: int) -> list[tuple[int, int]]:
    """The sectors ``[first, end)`` as (word number, bit mask) pairs."""
    masks = []
    while first < end:
        word, bit = divmod(first, _SECTORS_PER_WORD)
        count = min(end - first, _SECTORS_PER_WORD - bit)
        masks.append((word, ((1 << count) - 1) << bit))
        first += count
    return masks
