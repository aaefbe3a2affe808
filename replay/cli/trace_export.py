"""``solo5-trace export``: a run in the forms that other programs read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_options import FORMATS, Format
from replay.cli.messages import say
from replay.cli.new_file import NewFile, new_file
from replay.export.words import one_line

if TYPE_CHECKING:
    from traces.reader import Trace

_PROGRAM = "solo5-trace"
_TRACE_ENDING = ".mp"


def export(arguments: argparse.Namespace) -> int:
    """Make one export; the exit status. Raises ``traces.errors.TraceError``."""
    from monitors.errors import MonitorError
    from replay.engines.errors import EngineError
    from replay.player.errors import GuestNeeded, PlayerError

    wanted = FORMATS[arguments.format]
    if arguments.output == "-" and not wanted.is_text and sys.stdout.isatty():
        say(_PROGRAM, f"{wanted.name} is nothing for a terminal: -o FILE, or a pipe")
        return ReplayStatus.USAGE
    if arguments.output == "-" and wanted.is_place:
        say(_PROGRAM, f"{wanted.name} is a file with holes and nothing for a pipe: -o FILE")
        return ReplayStatus.USAGE
    try:
        return _export(arguments, wanted)
    except FileExistsError as error:
        say(_PROGRAM, f"{error.filename} exists, and nothing is overwritten: -o names another")
        return ReplayStatus.USAGE
    except (EngineError, GuestNeeded, MonitorError) as error:
        say(_PROGRAM, f"cannot replay {arguments.trace}: {error}")
        return ReplayStatus.CANNOT_REPLAY
    except PlayerError as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        say(_PROGRAM, f"{error.filename or output_name(arguments)}: {error.strerror}")
        return ReplayStatus.CANNOT_REPLAY


def output_name(arguments: argparse.Namespace) -> str:
    """The file that is made, or ``-``."""
    if arguments.output is not None:
        return str(arguments.output)
    stem = arguments.trace.removesuffix(_TRACE_ENDING)
    return f"{stem}{FORMATS[arguments.format].ending}"


def _export(arguments: argparse.Namespace, wanted: Format) -> int:
    from traces.reader import open_trace

    name = output_name(arguments)
    with (
        open_trace(arguments.trace) as trace,
        new_file(None if name == "-" else Path(name), mode=wanted.mode) as file,
    ):
        make = _MAKERS[wanted.name]
        status, summary = make(trace, arguments, file)
        if status == ReplayStatus.FAITHFUL:
            file.keep()
            where = "" if name == "-" else f" in {one_line(name)}"
            say(_PROGRAM, f"{summary}{where}{'' if wanted.is_place else _how_far(trace)}")
    return status


def _how_far(trace: Trace) -> str:
    from replay.player.verdict import why_cut_short

    if trace.complete:
        return ""
    why = "it is still being recorded" if trace.being_written else why_cut_short(trace)
    return f"; that is not the whole run: {why}"


def _events(trace: Trace, arguments: argparse.Namespace, file: NewFile) -> tuple[ReplayStatus, str]:
    from replay.cli.export_events import export_events

    return export_events(trace, arguments, file.write)


def _profile(
    trace: Trace, arguments: argparse.Namespace, file: NewFile
) -> tuple[ReplayStatus, str]:
    from replay.cli.export_profile import export_profile

    return export_profile(trace, arguments, file.write)


def _coverage(
    trace: Trace, arguments: argparse.Namespace, file: NewFile
) -> tuple[ReplayStatus, str]:
    from replay.cli.export_coverage import export_coverage

    return export_coverage(trace, arguments, file.write)


def _core(trace: Trace, arguments: argparse.Namespace, file: NewFile) -> tuple[ReplayStatus, str]:
    from replay.cli.export_core import export_core

    return export_core(trace, arguments, file)


_Maker = Callable[["Trace", argparse.Namespace, NewFile], tuple[ReplayStatus, str]]
_MAKERS: Mapping[str, _Maker] = {
    "pcapng": _events,
    "perfetto": _events,
    "asciicast": _events,
    "jsonl": _events,
    "csv": _events,
    "folded": _profile,
    "flamegraph": _profile,
    "lcov": _coverage,
    "drcov": _coverage,
    "core": _core,
}
