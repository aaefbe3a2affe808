"""Checkpoints from one session to the next: what is taken over, and what is left behind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from monitors.manifest import AttachedBlock
from monitors.ports import Registers
from replay.engines.errors import EngineError
from replay.engines.ram import PAGE_BYTES
from replay.engines.registry import COUNTING_ENGINE
from replay.machine.plan import MachinePlan
from replay.player.checkpoint import FAR_CADENCE, Checkpoint, PageSet
from replay.player.checkpoint_file import (
    Kept,
    KeptCheckpoint,
    identity_of,
    read_kept,
    write_kept,
)
from replay.player.errors import DamagedCheckpoint
from replay.player.rewind import RewindableReplay, cost_of
from replay.version import CREATED_BY

_KEPT_MAX = 32
_KEPT_BYTES_MAX = 256 << 20
_ZERO_PAGE = bytes(PAGE_BYTES)
_REGISTER_BITS, _VECTOR_BITS = 80, 128


class KeptFile:
    """The checkpoints of all sessions with one trace; a file that cannot be had is done without."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._had_cost = 0
        self._read: Kept | None = None

    def read_into(self, replay: RewindableReplay) -> None:
        """Let a replay that has not begun take over what there is."""
        with suppress(OSError):
            self._read = read_kept(self._path, _identity(replay))
        if self._read is not None and adopt(replay, self._read):
            self._had_cost = replay.checkpoints.last.cost

    def write_from(self, replay: RewindableReplay) -> None:
        """Leave what a replay has, which is at its end; worth it only where it has come a good deal
        further than those before it."""
        if replay.checkpoints.last.cost < self._had_cost + FAR_CADENCE:
            return
        with suppress(OSError, DamagedCheckpoint, EngineError):
            kept = selection(replay)
            if kept.checkpoints:
                write_kept(self._path, _identity(replay), kept)

    def close(self) -> None:
        """Close the file behind what was read."""
        if self._read is not None:
            self._read.close()


def adopt(replay: RewindableReplay, kept: Kept) -> bool:
    """Give a replay the checkpoints of an earlier session, all or none: a file may say anything."""
    if _has_blocks(replay) or not _are_possible(replay, kept):
        return False
    store = replay.checkpoints
    for each in kept.checkpoints:
        if store.at(each.position) is None:
            cost = cost_of(each.steps, each.position.event)
            store.add(Checkpoint(each.position, each.steps, cost, each.registers, 0, each.pages))
    for event, data in kept.console:
        replay.console.note(event, data)
    return True


def selection(replay: RewindableReplay) -> Kept:
    """What a replay leaves to the next session; it does not go on after that.

    Of a guest with block devices nothing is kept: what they held would belong to it.
    """
    if _has_blocks(replay):
        return Kept((), ())
    everything = list(replay.checkpoints)
    chosen = list(_described(replay, everything, _spacing(everything)))
    last = chosen[-1].position.event if chosen else 0
    return Kept(chosen, list(replay.console.entries(last)))


def _identity(replay: RewindableReplay) -> str:
    """What tells the states of this replay from all others: also another version of what computes
    them could come to others, or count otherwise."""
    trace = identity_of(Path(replay.trace.path))
    plan = _digest(replay.machine.plan)
    return f"{trace} {plan} {CREATED_BY} {COUNTING_ENGINE} {version(COUNTING_ENGINE)}"


def _digest(plan: MachinePlan) -> str:
    """What a replay may change of what was recorded."""
    parts = (hashlib.sha256(plan.guest).digest(), plan.command_line)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _has_blocks(replay: RewindableReplay) -> bool:
    return any(isinstance(each, AttachedBlock) for each in replay.machine.plan.attachments)


def _are_possible(replay: RewindableReplay, kept: Kept) -> bool:
    names = replay.engine.registers().keys()
    pages = replay.machine.ram.size // PAGE_BYTES
    for each in kept.checkpoints:
        if each.position > replay.end or each.steps < each.position.event:
            return False
        if each.registers.keys() != names or not _are_registers(each.registers):
            return False
        if not all(0 <= number < pages for number in each.pages.numbers):
            return False
    return all(one.steps < other.steps for one, other in pairwise(kept.checkpoints))


def _are_registers(values: Registers) -> bool:
    return all(
        0 <= value < 1 << (_VECTOR_BITS if name.startswith("xmm") else _REGISTER_BITS)
        for name, value in values.items()
    )


def _spacing(everything: list[Checkpoint]) -> int:
    """The cost between two of those that are kept, so that none of them has to be left out."""
    spacing = max(FAR_CADENCE, everything[-1].cost // _KEPT_MAX)
    while _pages_kept(everything, spacing) > _KEPT_BYTES_MAX // PAGE_BYTES:
        if spacing > everything[-1].cost:
            break
        spacing *= 2
    return spacing


def _pages_kept(everything: list[Checkpoint], spacing: int) -> int:
    return sum(
        len(set().union(*(c.pages.numbers for c in piece)))
        for piece in _pieces(everything, spacing)
    )


def _pieces(everything: list[Checkpoint], spacing: int) -> Iterator[list[Checkpoint]]:
    """All but the first, divided so that the last of each piece is to be kept."""
    piece: list[Checkpoint] = []
    last_cost = 0
    for each in everything[1:]:
        piece.append(each)
        if each.cost - last_cost >= spacing or each is everything[-1]:
            yield piece
            piece, last_cost = [], each.cost


def _described(
    replay: RewindableReplay, everything: list[Checkpoint], spacing: int
) -> Iterator[KeptCheckpoint]:
    for piece in _pieces(everything, spacing):
        changed: dict[int, bytes] = {}
        for each in piece:
            changed.update(each.pages.contents())
        pages = PageSet({number: page or _ZERO_PAGE for number, page in changed.items()})
        last = piece[-1]
        replay.load_processor(last)
        yield KeptCheckpoint(last.position, last.steps, replay.engine.registers(), pages)
