from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from monitors.calls.block import BlockRead, BlockWrite
from replay.player.block_journal import BlockJournal

SECTOR = 512


@pytest.fixture
def journal() -> Iterator[BlockJournal]:
    made = BlockJournal()
    yield made
    made.close()


def test_contents_go_back_and_forth(journal: BlockJournal) -> None:
    journal.learn(1, 0, b"a" * SECTOR)
    journal.written(BlockWrite(1, 0, b"b" * SECTOR))
    read = BlockRead(1, 0, SECTOR)
    assert (journal.mark, journal.recall(read)) == (2, b"b" * SECTOR)
    journal.go_to(1)
    assert (journal.mark, journal.recall(read)) == (1, b"a" * SECTOR)
    journal.go_to(0)
    assert journal.contents(1, 0, SECTOR) == bytes(SECTOR)
    journal.go_to(2)
    assert journal.recall(read) == b"b" * SECTOR


def test_a_change_that_is_replayed_is_not_kept_twice(journal: BlockJournal) -> None:
    for data in (b"a", b"b", b"c"):
        journal.learn(1, 0, data * SECTOR)
    journal.go_to(1)
    journal.learn(1, 0, b"b" * SECTOR)
    assert journal.mark == 2
    journal.go_to(3)
    assert journal.recall(BlockRead(1, 0, SECTOR)) == b"c" * SECTOR


def test_any_journey_leads_to_the_same_contents(journal: BlockJournal) -> None:
    chance = random.Random(1)
    model = {1: bytearray(8 * SECTOR), 2: bytearray(8 * SECTOR)}
    states = [{handle: bytes(disk) for handle, disk in model.items()}]
    for _ in range(60):
        handle, first = chance.choice((1, 2)), chance.randrange(7)
        data = chance.randbytes(SECTOR * chance.randrange(1, 9 - first))
        journal.learn(handle, first * SECTOR, data)
        model[handle][first * SECTOR : first * SECTOR + len(data)] = data
        states.append({handle: bytes(disk) for handle, disk in model.items()})
    for _ in range(200):
        mark = chance.randrange(len(states))
        journal.go_to(mark)
        for handle, disk in states[mark].items():
            assert journal.contents(handle, 0, len(disk)) == disk
