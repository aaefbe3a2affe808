"""Exports of where a guest spends its instructions: folded stacks, and flame graphs of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import closing

from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_events import changes_of, wants_bar
from replay.cli.messages import say
from replay.cli.progress import progress_bar
from replay.cli.stopping import Stopper
from replay.export.exporter import Write
from replay.export.flamegraph import flame_graph
from replay.export.folded import Folded, fold, folded_lines
from replay.export.words import counted, one_line
from replay.machine.position import Position
from replay.player.errors import Divergence, StateDivergence
from replay.player.samples import Sampling, plan_sampling, take_samples
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from traces.reader import Trace

_PROGRAM = "solo5-trace"


class _Bar:
    """Passes on how far a timeline has come."""

    def __init__(self) -> None:
        self.told: Callable[[int], object] = abs

    def reached(self, position: Position) -> None:
        """See ``replay.player.rewind.Progress``."""
        self.told(position.event)


def export_profile(
    trace: Trace, arguments: argparse.Namespace, write: Write
) -> tuple[ReplayStatus, str]:
    """Write the stacks of a whole run; how that went, and what was written.

    Raises OSError, ``EngineError``, ``GuestNeeded``, ``MonitorError`` and
    ``traces.errors.DamagedTrace``.
    """
    bar = _Bar()
    with closing(Timeline(trace, changes=changes_of(arguments), progress=bar.reached)) as timeline:
        stopper = Stopper()
        try:
            with stopper.watching(timeline):
                found = _sampled(timeline, arguments, stopper, bar)
        except (Divergence, StateDivergence) as error:
            say(_PROGRAM, f"{error}; `solo5-replay {trace.path}` says more")
            return ReplayStatus.DIVERGED, ""
        if found is None:
            say(_PROGRAM, f"{stopper.reason}, at position {timeline.position}")
            return ReplayStatus.INTERRUPTED, ""
    folded, sampling = found
    note = _note(sampling)
    if arguments.format == "folded":
        write(folded_lines(folded))
    else:
        write(flame_graph(folded, one_line(trace.header.guest.name), note))
    return ReplayStatus.FAITHFUL, note


def _sampled(
    timeline: Timeline, arguments: argparse.Namespace, stopper: Stopper, bar: _Bar
) -> tuple[Folded, Sampling] | None:
    """None where the operator stops it."""
    wanted = wants_bar(arguments)
    with progress_bar("replaying", timeline.end.event, wanted=wanted) as bar.told:
        sampling = plan_sampling(timeline, arguments.every)
    bar.told = abs
    if sampling is None:
        return None
    with progress_bar("sampling", sampling.count, wanted=wanted) as told:
        folded = fold(take_samples(timeline, sampling, Symbols(timeline.guest), told))
    return None if stopper.signal_number is not None else (folded, sampling)


def _note(sampling: Sampling) -> str:
    samples = counted(sampling.count, "sample")
    return f"{samples}, one in {sampling.every:,} of {sampling.steps:,} instructions and calls"
