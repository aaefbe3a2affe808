"""Exports of what a run has executed: source lines for lcov, basic blocks for drcov's readers."""

from __future__ import annotations

import argparse
import os
import posixpath
from contextlib import closing
from pathlib import Path

from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_events import changes_of, wants_bar
from replay.cli.messages import say
from replay.cli.progress import progress_bar
from replay.cli.stopping import Stopper
from replay.export.drcov import drcov
from replay.export.exporter import Write
from replay.export.lcov import Coverage
from replay.export.words import counted
from replay.player.errors import Divergence, StateDivergence
from replay.player.executed import Executed, ExecutionCounter, NoCode
from replay.player.source_files import SourceFiles
from replay.player.symbols import Symbols
from traces.reader import Trace

_PROGRAM = "solo5-trace"


def export_coverage(
    trace: Trace, arguments: argparse.Namespace, write: Write
) -> tuple[ReplayStatus, str]:
    """Write what was executed in a whole run; how that went, and what was written.

    Raises OSError, ``EngineError``, ``PlayerError``, ``MonitorError`` and
    ``traces.errors.DamagedTrace``.
    """
    try:
        counter = ExecutionCounter(trace, changes_of(arguments))
    except NoCode as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.CANNOT_REPLAY, ""
    with closing(counter):
        stopper = Stopper()
        wanted = wants_bar(arguments)
        try:
            with (
                stopper.watching(counter),
                progress_bar("replaying", trace.event_count, wanted=wanted) as told,
            ):
                executed = counter.run(told)
        except (Divergence, StateDivergence) as error:
            say(_PROGRAM, f"{error}; `solo5-replay {trace.path}` says more")
            return ReplayStatus.DIVERGED, ""
        if executed is None:
            say(_PROGRAM, f"{stopper.reason}, at position {counter.position}")
            return ReplayStatus.INTERRUPTED, ""
    if arguments.format == "lcov":
        return _lcov(executed, arguments, write)
    return ReplayStatus.FAITHFUL, _drcov(trace, executed, write)


def _lcov(
    executed: Executed, arguments: argparse.Namespace, write: Write
) -> tuple[ReplayStatus, str]:
    sources = SourceFiles([Path(folder) for folder in arguments.source])

    def find(path: str, folder: str) -> str:
        found = sources.find(path, folder).file
        return os.path.realpath(found) if found else posixpath.join(folder, path)

    coverage = Coverage(executed, Symbols(executed.guest), find)
    (lines, all_lines), (functions, all_functions) = coverage.lines, coverage.functions
    if not all_lines:
        say(_PROGRAM, "the guest's file has no source lines: it was built without -g, or stripped;")
        say(_PROGRAM, "--guest takes the same guest with them")
        return ReplayStatus.CANNOT_REPLAY, ""
    write(coverage.tracefile())
    summary = f"{lines} of {all_lines} lines, {functions} of {all_functions} functions"
    return ReplayStatus.FAITHFUL, f"{summary} executed"


def _drcov(trace: Trace, executed: Executed, write: Write) -> str:
    blocks = executed.blocks(Symbols(executed.guest).code)
    data, count = drcov(trace.header.guest.name, executed.start, executed.end, blocks)
    write(data)
    return counted(count, "basic block")
