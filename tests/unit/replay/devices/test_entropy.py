from __future__ import annotations

import pytest

from monitors.calls.traps import RandomWord
from replay.devices.entropy import random_mac, random_seed, read_random_word


@pytest.mark.parametrize("seed", [True, False])
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_words_have_the_width_asked_for(seed: bool, bits: int) -> None:
    values = [read_random_word(RandomWord(seed, bits)).value for _ in range(200)]
    assert all(0 <= value < 1 << bits for value in values)
    # Each half of the bits is as likely as not; 200 times alike means a broken source.
    assert any(value >> (bits - 1) for value in values)
    assert any(not value >> (bits - 1) for value in values)


def test_neighbouring_words_differ() -> None:
    values = {read_random_word(RandomWord(False, 64)).value for _ in range(100)}
    assert len(values) == 100


def test_addresses_are_local_and_for_one_receiver() -> None:
    addresses = {random_mac() for _ in range(100)}
    assert len(addresses) == 100
    for mac in addresses:
        assert len(mac) == 6
        assert mac[0] & 0b11 == 0b10


def test_seeds_are_within_their_limit() -> None:
    assert {random_seed(1) for _ in range(200)} == {0, 1}
