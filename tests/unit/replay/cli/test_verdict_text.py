from __future__ import annotations

from monitors.calls.lifecycle import MisuseKind
from replay.cli.verdict_text import amount, calls_amount, how_ended
from replay.machine.ending import Halted, Misused
from replay.machine.position import Position
from replay.player.session import Replayed


def test_how_much() -> None:
    one = Replayed(Halted(0), Position(1), 1)
    assert amount(one) == "1 event and 1 state digest agree"
    assert calls_amount(one) == "1 call agree, states were not compared"
    assert amount(Replayed(Halted(0), Position(2), 0)) == "2 events and 0 state digests agree"


def test_how_it_ended() -> None:
    assert how_ended(Halted(-1)) == "the guest exited with status 255"
    misused = Misused(MisuseKind.SEGMENTATION_FAULT, "at 0x10")
    assert how_ended(misused) == "the guest was ended with status 139: at 0x10"
