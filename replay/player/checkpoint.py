"""Checkpoints: states of one replay to go back to, in bounded memory.

Each holds the pages that were written since the one before it. They stand densely around the
present place and far apart elsewhere, where their pages are compressed, too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter, or_

import zstandard

from replay.engines.ram import PAGE_BYTES
from replay.engines.reached import ReachedCode
from replay.machine.position import Position
from replay.player.errors import DamagedCheckpoint

CADENCE = 2_000_000
"""Cost between two checkpoints near the present place: instructions, and crossings dearer."""

_NEAR = 120_000_000
FAR_CADENCE = 20_000_000
"""The same far away from it."""

_ROOM_AFTER_THINNING = 0.9
_ZERO_PAGE = bytes(PAGE_BYTES)
_ENTRY_BYTES = 120  # what Python needs to keep a page in a dictionary
_COMPRESSION_LEVEL = 1


class PageSet:
    """Pages of guest memory by number, in the open or compressed all together."""

    def __init__(self, pages: dict[int, bytes]) -> None:
        """``pages`` are 4096 bytes each; the caller leaves them alone from now on."""
        self._open: dict[int, bytes] | None = {
            number: b"" if page == _ZERO_PAGE else page for number, page in pages.items()
        }
        self._open_bytes = len(pages) * _ENTRY_BYTES + sum(map(len, self._open.values()))
        self._packed = b""
        self._load: Callable[[], bytes] | None = None
        self.numbers = frozenset(pages)

    @classmethod
    def loaded_later(cls, numbers: Iterable[int], load: Callable[[], bytes]) -> PageSet:
        """The pages of these numbers, of which ``load`` gives what ``packed`` once gave; it is
        asked every time that they are used, and not believed."""
        made = cls({})
        made._open, made._load, made.numbers = None, load, frozenset(numbers)
        return made

    @property
    def size(self) -> int:
        """Bytes of the host's memory in use, about."""
        if self._open is None:
            return len(self._packed) + len(self.numbers) * 8
        return self._open_bytes

    def contents(self) -> dict[int, bytes]:
        """All pages; zero pages are empty. Raises ``DamagedCheckpoint`` for compressed ones that
        are not what they should be."""
        if self._open is not None:
            return self._open
        data = self._inflated()
        pages, at = {}, 0
        for number in sorted(self.numbers):
            is_zero = not data[at]
            pages[number] = b"" if is_zero else data[at + 1 : at + 1 + PAGE_BYTES]
            at += 1 if is_zero else 1 + PAGE_BYTES
        return pages

    def pack(self) -> None:
        """Compress them."""
        if self._open is not None:
            self._packed, self._open = self.packed(), None

    def packed(self) -> bytes:
        """All pages in the order of their numbers as one zstd frame: a byte 0 for a zero page, and
        a byte 1 before each other one. Raises ``DamagedCheckpoint`` where they have to be loaded
        and cannot."""
        if self._open is None:
            return self._packed if self._load is None else self._load()
        parts = (b"\1" + page if page else b"\0" for _, page in sorted(self._open.items()))
        compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL)
        frame: bytes = compressor.compress(b"".join(parts))
        return frame

    @property
    def is_packed(self) -> bool:
        """Whether they are compressed."""
        return self._open is None

    def _inflated(self) -> bytes:
        longest = len(self.numbers) * (1 + PAGE_BYTES)
        try:
            with zstandard.ZstdDecompressor().stream_reader(self.packed()) as reader:
                data: bytes = reader.read(longest + 1)
        except zstandard.ZstdError as error:
            raise DamagedCheckpoint(str(error)) from error
        flags, at = 0, 0
        while at < len(data):
            flags, at = flags + 1, at + (1 + PAGE_BYTES if data[at] else 1)
        if flags != len(self.numbers) or at != len(data):
            raise DamagedCheckpoint(f"{len(data)} bytes are not {len(self.numbers)} pages")
        return data


@dataclass(slots=True)
class Checkpoint:
    """The state at ``position``: the processor, and ``pages`` changed since the checkpoint before.

    ``steps`` are the instructions and crossings from the start to here, and ``cost`` what they
    take; ``processor`` is what the engine has kept, or all registers by name where the checkpoint
    comes from elsewhere; ``blocks`` is the mark of the block journal;
    ``reached`` the code since the checkpoint before, where that is known.
    """

    position: Position
    steps: int
    cost: int
    processor: object
    blocks: int
    pages: PageSet
    reached: ReachedCode | None = None


class CheckpointStore:
    """The checkpoints of one replay, in the order of their positions."""

    def __init__(self, first: Checkpoint, limit_bytes: int) -> None:
        """``first`` has all pages that are not zero at the start."""
        self._all = [first]
        self._keys = [first.position]
        self._limit_bytes = limit_bytes
        self._bytes = first.pages.size
        self._spread = 1

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def size(self) -> int:
        """Bytes in use, about; the first checkpoint and one at work are kept in any case."""
        return self._bytes

    @property
    def positions(self) -> Sequence[Position]:
        """Where they stand, ascending."""
        return tuple(self._keys)

    @property
    def last(self) -> Checkpoint:
        """The one farthest from the start."""
        return self._all[-1]

    def before(self, position: Position) -> Checkpoint:
        """The last one that is not behind ``position``."""
        return self._all[max(0, bisect_right(self._keys, position) - 1)]

    def before_steps(self, steps: int) -> Checkpoint:
        """The last one that is not behind a number of steps from the start."""
        index = bisect_right(self._all, steps, key=attrgetter("steps")) - 1
        return self._all[max(0, index)]

    def at(self, position: Position) -> Checkpoint | None:
        """The one that stands exactly there."""
        found = self.before(position)
        return found if found.position == position else None

    def behind(self, position: Position) -> Checkpoint | None:
        """The first one behind ``position``."""
        index = bisect_right(self._keys, position)
        return self._all[index] if index < len(self._all) else None

    def add(self, checkpoint: Checkpoint) -> None:
        """Keep one whose pages hold at least what changed since the last one before it."""
        index = bisect_right(self._keys, checkpoint.position)
        self._all.insert(index, checkpoint)
        self._keys.insert(index, checkpoint.position)
        self._bytes += checkpoint.pages.size

    def changed_between(self, one: Checkpoint, other: Checkpoint) -> set[int]:
        """The numbers of all pages that may differ between two of them."""
        low, high = sorted((self._index(one), self._index(other)))
        return set().union(*(each.pages.numbers for each in self._all[low + 1 : high + 1]))

    def contents(self, checkpoint: Checkpoint, numbers: Iterable[int]) -> dict[int, bytes]:
        """Pages as they are at ``checkpoint``; zero pages are empty."""
        wanted, found = set(numbers), dict[int, bytes]()
        for index in range(self._index(checkpoint), -1, -1):
            here = wanted & self._all[index].pages.numbers
            if here:
                pages = self._all[index].pages.contents()
                found.update((number, pages[number]) for number in here)
                wanted -= here
            if not wanted:
                break
        return {**found, **dict.fromkeys(wanted, b"")}

    def thin(self, here: int, keep: Checkpoint) -> None:
        """Drop those that stand too dense for their distance from cost ``here``, and as many more
        as the limit of memory asks for; never the first, and never ``keep``."""
        self._drop_crowded(here, keep)
        while self._bytes > self._limit_bytes * _ROOM_AFTER_THINNING and len(self._all) > 2:
            before = len(self._all)
            self._spread *= 2
            self._drop_crowded(here, keep)
            if len(self._all) == before and self._spread * CADENCE > self._all[-1].cost:
                return

    def clear(self) -> None:
        """Give the memory back; nothing can be asked for after that."""
        self._all, self._keys, self._bytes = [], [], 0

    @property
    def is_full(self) -> bool:
        """Whether the limit of memory is passed."""
        return self._bytes > self._limit_bytes

    def _drop_crowded(self, here: int, keep: Checkpoint) -> None:
        kept: list[Checkpoint] = []
        dropped: list[Checkpoint] = []
        for each in self._all:
            crowded = bool(kept) and each.cost - kept[-1].cost < self._spacing(here, each)
            if crowded and each is not keep:
                dropped.append(each)
                continue
            _take_over(each, dropped)
            dropped = []
            if not self._is_near(here, each):
                each.pages.pack()
            kept.append(each)
        self._all = kept
        self._keys = [each.position for each in kept]
        self._bytes = sum(each.pages.size for each in kept)

    def _spacing(self, here: int, checkpoint: Checkpoint) -> int:
        dense = CADENCE // 16 if self._is_near(here, checkpoint) else FAR_CADENCE
        return dense * self._spread

    def _is_near(self, here: int, checkpoint: Checkpoint) -> bool:
        return abs(here - checkpoint.cost) <= _NEAR // self._spread

    def _index(self, checkpoint: Checkpoint) -> int:
        return bisect_right(self._keys, checkpoint.position) - 1


def _take_over(checkpoint: Checkpoint, dropped: Sequence[Checkpoint]) -> None:
    """Add to a checkpoint what has changed up to those right before it, which are no more."""
    if not dropped:
        return
    pages: dict[int, bytes] = {}
    for each in (*dropped, checkpoint):
        pages.update(each.pages.contents())
    checkpoint.pages = PageSet(_full(pages))
    reached = [each.reached for each in (*dropped, checkpoint) if each.reached is not None]
    is_known = len(reached) == len(dropped) + 1
    checkpoint.reached = reduce(or_, reached) if is_known else None


def _full(pages: dict[int, bytes]) -> dict[int, bytes]:
    return {number: page or _ZERO_PAGE for number, page in pages.items()}
