"""``solo5-record --chaos``: a world that tries the guest, and what it did."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.export.words import counted

if TYPE_CHECKING:
    from replay.devices.chaos import Chaos
    from replay.machine.ports import Source

_ALL = "clock,poll,net,block"
_SEED_MAX = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """``families`` of calls that are answered unkindly; ``seed`` is drawn for each run if None."""

    families: frozenset[str] = frozenset()
    seed: int | None = None

    def around(self, source: Source, tsc_hz: int) -> Chaos | None:
        """The world of one run; None where there is to be no chaos."""
        if not self.families:
            return None
        from replay.devices.chaos import SEED_MAX, Chaos
        from replay.devices.entropy import random_seed

        seed = random_seed(SEED_MAX) if self.seed is None else self.seed
        return Chaos(source, seed, tsc_hz, self.families)


def add_chaos_options(parser: argparse.ArgumentParser) -> None:
    """A group of its own."""
    add = parser.add_argument_group("chaos").add_argument
    add(
        "--chaos",
        nargs="?",
        type=_families,
        const=_families(_ALL),
        default=frozenset(),
        metavar=_ALL,
        help="let clocks jump, waits end early and late, frames be lost, doubled, cut and swapped, "
        "disks be slow and fail; without a value, all of it",
    )
    add("--chaos-seed", type=_seed, metavar="N", help="that of an earlier run")


def chaos_options(given: argparse.Namespace) -> ChaosOptions:
    """From a parsed command line; raises ValueError for what cannot be meant together."""
    if given.chaos_seed is not None and not given.chaos:
        raise ValueError("invalid options: --chaos-seed wants --chaos, too")
    return ChaosOptions(given.chaos, given.chaos_seed)


def header_options(chaos: Chaos | None) -> Mapping[str, object]:
    """What the trace says of it, for people: a replay needs none of it."""
    if chaos is None:
        return {}
    return {"chaos": ",".join(sorted(chaos.families)), "chaos_seed": chaos.seed}


def chaos_text(chaos: Chaos) -> str:
    """What was done in a run, and how to have such a run again."""
    done = ", ".join(f"{what} {count}x" for what, count in sorted(chaos.done.items())) or "nothing"
    total = counted(sum(chaos.done.values()), "fault")
    return f"chaos: {total} ({done}); --chaos-seed={chaos.seed}"


def _families(text: str) -> frozenset[str]:
    found = frozenset(text.split(","))
    if not found <= set(_ALL.split(",")):
        raise argparse.ArgumentTypeError(f"choose of {_ALL}: {text!r}")
    return found


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:11]) > _SEED_MAX:
        raise argparse.ArgumentTypeError(f"not a seed (0 to {_SEED_MAX}): {text!r}")
    return int(text)
