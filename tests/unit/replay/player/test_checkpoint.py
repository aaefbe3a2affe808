from __future__ import annotations

import random

import pytest

from replay.engines.ram import PAGE_BYTES
from replay.machine.position import Position
from replay.player import checkpoint as module
from replay.player.checkpoint import CADENCE, Checkpoint, CheckpointStore, PageSet
from replay.player.errors import DamagedCheckpoint

PLENTY = 1 << 40


def page(fill: int) -> bytes:
    return bytes((fill & 0xFF, fill >> 8 & 0xFF)) * (PAGE_BYTES // 2)


def checkpoint(number: int, pages: dict[int, bytes], cost: int | None = None) -> Checkpoint:
    cost = number * CADENCE if cost is None else cost
    return Checkpoint(Position(number), cost, cost, f"processor {number}", 0, PageSet(pages))


def full(pages: dict[int, bytes]) -> dict[int, bytes]:
    return {number: content or bytes(PAGE_BYTES) for number, content in pages.items()}


def test_pages_survive_compression() -> None:
    pages = {3: page(3), 4: bytes(PAGE_BYTES), 90: page(90)}
    kept = PageSet(dict(pages))
    before = kept.size
    kept.pack()
    assert kept.is_packed
    assert full(kept.contents()) == pages
    assert kept.size < before
    kept.pack()
    assert full(kept.contents()) == pages


@pytest.mark.parametrize("packed", [b"", b"no frame", PageSet({1: page(1)}).packed()])
def test_compressed_pages_that_are_something_else(packed: bytes) -> None:
    pages = PageSet.loaded_later([1, 2, 3], lambda: packed)
    with pytest.raises(DamagedCheckpoint, match="remove the file"):
        pages.contents()


def test_the_nearest_one_is_found() -> None:
    store = CheckpointStore(checkpoint(0, {}), PLENTY)
    for number in (10, 30, 20):
        store.add(checkpoint(number, {}))
    assert store.before(Position(25)).position == Position(20)
    assert store.before(Position(30)).position == Position(30)
    assert store.before_steps(25 * CADENCE).position == Position(20)
    assert store.at(Position(10)) is not None
    assert store.at(Position(11)) is None
    following = store.behind(Position(20))
    assert following is not None
    assert following.position == store.last.position == Position(30)
    assert store.behind(Position(30)) is None
    assert store.positions == tuple(Position(number) for number in (0, 10, 20, 30))


class Model:
    """A memory of 40 pages of which some change in every interval."""

    def __init__(self, intervals: int, limit: int = PLENTY) -> None:
        chance = random.Random(7)
        first = {number: page(number) for number in range(20)}
        self.memory = [{**dict.fromkeys(range(40), bytes(PAGE_BYTES)), **first}]
        self.store = CheckpointStore(checkpoint(0, first), limit)
        self.kept = [self.store.before(Position(0))]
        for number in range(1, intervals):
            written = {chance.randrange(40): page(chance.randrange(1 << 16)) for _ in range(6)}
            self.memory.append(self.memory[-1] | written)
            self.kept.append(checkpoint(number, written))
            self.store.add(self.kept[-1])

    def check(self) -> None:
        here = list(self.store)
        for one in here:
            wanted = self.memory[one.position.event]
            assert full(self.store.contents(one, range(40))) == wanted
            for other in here:
                theirs = self.memory[other.position.event]
                differing = {at for at in range(40) if wanted[at] != theirs[at]}
                assert differing <= self.store.changed_between(one, other)


def test_the_contents_of_every_checkpoint() -> None:
    Model(12).check()


def test_thinning_keeps_those_near_and_loses_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEAR", 10 * CADENCE)
    model = Model(60)
    here = model.kept[-1]
    model.store.thin(here.cost, here)
    near = [each for each in model.store if here.cost - each.cost <= 10 * CADENCE]
    far = [each for each in model.store if here.cost - each.cost > 10 * CADENCE]
    assert len(near) == 11
    assert len(far) == 5
    assert all(each.pages.is_packed for each in far)
    assert not any(each.pages.is_packed for each in near)
    model.check()


def test_thinning_obeys_the_limit_of_memory() -> None:
    model = Model(60, limit=60 * PAGE_BYTES)
    here = model.kept[-1]
    before = model.store.size
    model.store.thin(here.cost, here)
    assert model.store.size < 60 * PAGE_BYTES < before
    assert {Position(0), here.position} <= set(model.store.positions)
    assert model.store.size == sum(each.pages.size for each in model.store)
    model.check()
