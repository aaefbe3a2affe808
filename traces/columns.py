"""Columns of a trace: every event's kind and time, in little memory, and who is next of a kind.

One scan makes them, a block at a time, so that it can be done in the background, be given up, and
go on when a trace has become longer. One thread may extend columns while others read them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from traces.errors import BadEvent, DamagedTrace, TraceError
from traces.framing import EVENTS, BlockHead
from traces.layout import check_order
from traces.reader import Trace
from traces.skimming import NO_CLOCK, NO_READINGS, Clock, Skimmed, Skimmer
from traces.tags import SPECS

EVENTS_MAX: Final = 1 << 25
"""Of a longer trace only so many events get columns, which take some 310 MB."""

WALLS_MAX: Final = 1 << 20
"""How often the wall clock may be another one, 16 MB; changes behind are not noted."""

_BLOCK = 1024
_SETS_MAX = 256
_TAGS = tuple(sorted(SPECS))
_TAG_OF = {spec.call.__name__: tag for tag, spec in SPECS.items()}

Kinds = frozenset[int]
"""Tags of ``traces.tags``."""

ALL_KINDS: Kinds = frozenset(_TAGS)


def kinds_named(names: Iterable[str]) -> Kinds:
    """The tags of calls by their names (``NetRead``); KeyError for what is none."""
    return frozenset(_TAG_OF[name] for name in names)


@dataclass(frozen=True, slots=True)
class ScanMark:
    """How far a scan has come: all events before ``event``; time and place there."""

    event: int = 0
    offset_bytes: int | None = None
    clock: Clock = NO_CLOCK


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a scan found in one block, whose events begin at ``first_event``; see ``Skimmed``.

    ``damage``: why nothing can be known behind these events.
    """

    first_event: int
    block_bytes: int
    skimmed: Skimmed | None
    mark: ScanMark
    damage: DamagedTrace | None = None


def scan(trace: Trace, start: ScanMark | None = None) -> Iterator[Chunk]:
    """The columns of what can be read now, from ``start`` on, a block at a time.

    Never raises for a damaged trace: the last chunk then says so.
    """
    mark = start or ScanMark()
    skimmer = Skimmer(trace.header.machine.tsc_hz)
    begin = trace.layout.begin_bytes if mark.offset_bytes is None else mark.offset_bytes
    try:
        for head in trace.blocks(begin, trace.layout.end_bytes):
            if mark.event >= EVENTS_MAX:
                return
            if head.tag == EVENTS:
                chunk = _chunk(trace, skimmer, head, mark)
                mark = chunk.mark
                yield chunk
                if chunk.damage is not None:
                    return
    except TraceError as error:
        damage = error if isinstance(error, DamagedTrace) else DamagedTrace(error.what)
        yield Chunk(mark.event, -1, None, mark, damage)


def _chunk(trace: Trace, skimmer: Skimmer, head: BlockHead, mark: ScanMark) -> Chunk:
    check_order(head, mark.event)
    payload = trace.event_payload(head)
    wanted = min(head.count, EVENTS_MAX - mark.event)
    skimmed = skimmer.skim(payload, 0, wanted, NO_READINGS, mark.clock)
    damage = skimmed.damage
    if damage is None and wanted == head.count and skimmed.offset != len(payload):
        damage = BadEvent("its block holds further bytes that are no event")
    if damage is not None:
        damage.index, damage.offset_bytes = head.first_event + skimmed.count, head.offset_bytes
        damage.locate(trace.path)
    after = ScanMark(mark.event + skimmed.count, head.end_bytes, skimmed.clock)
    return Chunk(head.first_event, head.offset_bytes, skimmed, after, damage)


class EventColumns:
    """Kinds and times of the events before ``event_count``; 9.1 bytes each."""

    def __init__(self) -> None:
        self.event_count = 0
        self.mark = ScanMark()
        """Where a scan goes on."""
        self.damage: DamagedTrace | None = None
        """Why there is nothing behind, where the scan came to damage."""
        self._kinds = bytearray()
        self._times = array("q")
        self._wall_events = array("q")
        self._wall_offsets = array("q")
        self._block_events = array("q")
        self._block_bytes = array("q")
        self._before = {tag: array("I", (0,)) for tag in _TAGS}
        self._sets: OrderedDict[tuple[Kinds, int], array[int]] = OrderedDict()

    def extend(self, chunk: Chunk) -> None:
        """Add what a scan from ``mark`` on has found next."""
        assert chunk.first_event == self.event_count, (chunk.first_event, self.event_count)
        skimmed = chunk.skimmed
        if skimmed is not None:
            self._times.frombytes(skimmed.times)
            self._kinds += skimmed.kinds
            self._add_walls(chunk.first_event, skimmed.walls)
            self._block_bytes.append(chunk.block_bytes)
            self._block_events.append(chunk.first_event)
            self._count_up()
            self.event_count += skimmed.count
        self.mark = chunk.mark
        self.damage = chunk.damage or self.damage

    @property
    def size_bytes(self) -> int:
        """What the columns take in memory, about."""
        arrays = (
            self._times,
            self._wall_events,
            self._wall_offsets,
            self._block_events,
            self._block_bytes,
            *self._before.values(),
            *self._sets.copy().values(),
        )
        return len(self._kinds) + sum(each.itemsize * len(each) for each in arrays)

    # ---- one event

    def kind(self, event: int) -> int:
        """The tag of an event."""
        return self._kinds[event]

    def time_ns(self, event: int) -> int:
        """The guest's time when an event was over, from its first reading of a clock."""
        return self._times[event]

    def wall_ns(self, event: int) -> int | None:
        """The same since 1970, as the guest was told; None where it never asked."""
        at = bisect_right(self._wall_events, event)
        if not self._wall_offsets:
            return None
        return self._times[event] + self._wall_offsets[max(at - 1, 0)]

    def block_of(self, event: int) -> int | None:
        """Where in the file the block with an event begins; None where that is not known yet."""
        if not 0 <= event < self.event_count:
            return None
        return self._block_bytes[bisect_right(self._block_events, event) - 1]

    # ---- by time

    @property
    def end_ns(self) -> int:
        """The last event's time."""
        return self._times[self.event_count - 1] if self.event_count else 0

    def at_time(self, ns: int) -> int:
        """The first event that was not over before a time; ``event_count`` where none is."""
        return bisect_left(self._times, ns, 0, self.event_count)

    # ---- by kind

    def next(self, kinds: Kinds, event: int) -> int | None:
        """The first event of some kinds at or behind ``event``."""
        end, found = self.event_count, None
        for tag in kinds:
            at = self._kinds.find(tag, max(event, 0), end)
            if at >= 0:
                end = found = at
        return found

    def previous(self, kinds: Kinds, event: int) -> int | None:
        """The last event of some kinds before ``event``."""
        end, begin, found = max(0, min(event, self.event_count)), 0, None
        for tag in kinds:
            at = self._kinds.rfind(tag, begin, end)
            if at >= 0:
                begin = found = at
        return found

    def count(self, kinds: Kinds, begin: int = 0, end: int | None = None) -> int:
        """How many events of some kinds are in ``[begin, end)``."""
        end = self.event_count if end is None else min(end, self.event_count)
        return self._count_before(kinds, end) - self._count_before(kinds, min(begin, end))

    def counts_before(self, event: int) -> dict[int, int]:
        """How many events of each kind are before ``event``, by tag."""
        event = max(0, min(event, self.event_count))
        block = event // _BLOCK
        rest = self._kinds[block * _BLOCK : event]
        return {tag: row[block] + rest.count(tag) for tag, row in self._before.items()}

    def select(self, kinds: Kinds, nth: int) -> int:
        """The ``nth`` event of some kinds, from 0; IndexError where there are fewer."""
        rows = [self._before[tag] for tag in kinds]
        blocks = min(map(len, rows), default=0)
        block = bisect_right(
            range(blocks), nth, key=lambda number: sum(row[number] for row in rows)
        )
        if nth < 0 or not block:
            raise IndexError(nth)
        inside = nth - sum(row[block - 1] for row in rows)
        return self._events_of(kinds, block - 1)[inside]

    # ---- within

    def _count_before(self, kinds: Kinds, event: int) -> int:
        block, rest = divmod(max(event, 0), _BLOCK)
        count = self._kinds.count
        whole = sum(self._before[tag][block] for tag in kinds)
        begin = block * _BLOCK
        return whole + (sum(count(tag, begin, begin + rest) for tag in kinds) if rest else 0)

    def _events_of(self, kinds: Kinds, block: int) -> Sequence[int]:
        """The events of some kinds in one block; that of the last may still grow."""
        begin, end = block * _BLOCK, min((block + 1) * _BLOCK, self.event_count)
        known = self._sets.get((kinds, block))
        if known is not None:
            return known
        has = kinds.__contains__
        at = self._kinds[begin:end]
        found = array("I", (n for n, tag in enumerate(at, begin) if has(tag)))
        if end - begin == _BLOCK:
            self._keep((kinds, block), found)
        return found

    def _keep(self, key: tuple[Kinds, int], found: array[int]) -> None:
        self._sets[key] = found
        while len(self._sets) > _SETS_MAX:
            self._sets.pop(next(iter(self._sets)), None)

    def _add_walls(self, first: int, walls: Iterable[tuple[int, int]]) -> None:
        for index, offset in walls:
            if len(self._wall_offsets) < WALLS_MAX:
                self._wall_offsets.append(offset)
                self._wall_events.append(first + index)

    def _count_up(self) -> None:
        """Count the kinds of all blocks that are whole now."""
        count: Callable[..., int] = self._kinds.count
        block = len(self._before[_TAGS[0]]) - 1
        while (block + 1) * _BLOCK <= len(self._kinds):
            begin = block * _BLOCK
            for tag, row in self._before.items():
                row.append(row[-1] + count(tag, begin, begin + _BLOCK))
            block += 1
