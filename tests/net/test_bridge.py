"""The fate of frames on a bad wire."""

from __future__ import annotations

from tests.net.bridge import Impairment

FRAMES = [bytes(12) + b"\x08\x00" + number.to_bytes(2, "big") for number in range(2000)]


def carried(impairment: Impairment) -> list[bytes]:
    arrived = [frame for sent in FRAMES for frame in impairment.pass_on(sent)]
    return arrived + impairment.flush()


def test_a_good_wire_carries_everything_in_order() -> None:
    assert carried(Impairment(1)) == FRAMES


def test_lost_frames_are_lost_and_no_other() -> None:
    wire = Impairment(1, loss=0.1)
    arrived = carried(wire)
    assert 100 < wire.lost < 300
    assert len(arrived) == len(FRAMES) - wire.lost
    assert arrived == sorted(arrived)


def test_overtaken_frames_arrive_a_little_later() -> None:
    wire = Impairment(1, reordering=0.1)
    arrived = carried(wire)
    assert sorted(arrived) == FRAMES
    places = [abs(arrived.index(frame) - place) for place, frame in enumerate(FRAMES)]
    assert 100 < wire.overtaken < 300
    assert 0 < max(places) < 20


def test_the_seed_decides() -> None:
    worlds = [carried(Impairment(seed, loss=0.1, reordering=0.1)) for seed in (1, 1, 2)]
    assert worlds[0] == worlds[1] != worlds[2]


def test_what_is_not_ip_arrives_at_once() -> None:
    wire = Impairment(1, loss=1.0)
    arp = bytes(12) + b"\x08\x06"
    assert wire.pass_on(arp) == [arp]
    assert wire.pass_on(FRAMES[0]) == []
