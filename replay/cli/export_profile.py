"""Exports of where a guest spends its instructions: folded stacks, and flame graphs of them."""

from __future__ import annotations

import argparse
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
from replay.player.errors import Divergence, StateDivergence
from replay.player.samples import Sampling, plan_sampling, take_samples
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from traces.reader import Trace

_PROGRAM = "solo5-trace"


def export_profile(
    trace: Trace, arguments: argparse.Namespace, write: Write
) -> tuple[ReplayStatus, str]:
    """Write the stacks of a whole run; how that went, and what was written.

    Raises OSError, ``EngineError``, ``GuestNeeded``, ``MonitorError`` and
    ``traces.errors.DamagedTrace``.
    """
    with closing(Timeline(trace, changes=changes_of(arguments))) as timeline:
        stopper = Stopper()
        try:
            with stopper.watching(timeline):
                found = _sampled(timeline, arguments, stopper)
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
    timeline: Timeline, arguments: argparse.Namespace, stopper: Stopper
) -> tuple[Folded, Sampling] | None:
    """None where the operator stops it."""
    sampling = plan_sampling(timeline, arguments.every)
    if sampling is None:
        return None
    bar = progress_bar("sampling", sampling.count, wanted=wants_bar(arguments))
    with bar as told:
        folded = fold(take_samples(timeline, sampling, Symbols(timeline.guest), told))
    return None if stopper.signal_number is not None else (folded, sampling)


def _note(sampling: Sampling) -> str:
    samples = counted(sampling.count, "sample")
    return f"{samples}, one in {sampling.every:,} of {sampling.steps:,} instructions and calls"
