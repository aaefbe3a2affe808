"""The solo5-trace program: look into traces, prove, rescue, compare and export them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.terminal import abandon_stdout, accept_any_text
from replay.cli.trace_options import trace_parser
from replay.export.words import counted, one_line, size_text

if TYPE_CHECKING:
    from traces.compare import Difference
    from traces.reader import Trace

_PROGRAM = "solo5-trace"


def main(argv: list[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    accept_any_text()
    try:
        arguments = trace_parser().parse_args(argv)
    except SystemExit as exit_:
        return ReplayStatus.USAGE if exit_.code else 0
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
        return ReplayStatus.OUTPUT_CLOSED
    except KeyboardInterrupt:
        say(_PROGRAM, "stopped")
        return ReplayStatus.INTERRUPTED
    return status


def _run(arguments: argparse.Namespace) -> int:
    from traces.errors import TraceError, TraceExists, TraceWriteError

    try:
        return _COMMANDS[arguments.command](arguments)
    except TraceError as error:
        # Results first, also where both go to one file.
        sys.stdout.flush()
        say(_PROGRAM, str(error))
        match error:
            case TraceExists():
                return ReplayStatus.USAGE
            case TraceWriteError():
                return ReplayStatus.CANNOT_REPLAY
        return ReplayStatus.BAD_TRACE


def _info(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_info import info_json, info_text, tally
    from traces.reader import open_trace

    with open_trace(arguments.trace) as trace:
        counts = tally(trace)
        print((info_json if arguments.json else info_text)(trace, counts))
    return ReplayStatus.FAITHFUL if counts.damage is None else ReplayStatus.BAD_TRACE


def _dump(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_dump import EventPrinter, Selection, dump
    from traces.reader import open_trace

    names = frozenset().union(*arguments.type)
    selection = Selection(arguments.first, arguments.end, names)
    if arguments.guest and not arguments.replay:
        say(_PROGRAM, "--guest is for --replay, which runs it")
        return ReplayStatus.USAGE
    with open_trace(arguments.trace) as trace:
        printer = EventPrinter(trace.header, hex_dump=arguments.hex, as_json=arguments.json)
        if arguments.replay:
            from replay.cli.trace_replay import dump_replayed

            status = dump_replayed(trace, selection, printer, arguments.guest)
            if status != ReplayStatus.FAITHFUL:
                return status
        else:
            dump(trace, selection, printer)
        if selection.end is None or selection.end >= trace.event_count:
            _report_end(trace)
    return ReplayStatus.FAITHFUL


def _report_end(trace: Trace) -> None:
    """Behind the last event: why there are no more, where that is not the run's end."""
    if trace.damage is not None:
        trace.damage.locate(trace.path)
        raise trace.damage
    if not trace.complete:
        sys.stdout.flush()
        say(_PROGRAM, f"the trace is incomplete; how the run ended: {_end_of(trace)}")


def _stats(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_stats import gather
    from replay.cli.trace_stats_text import stats_json, stats_text
    from traces.reader import open_trace

    with open_trace(arguments.trace) as trace:
        found = gather(trace)
        print((stats_json if arguments.json else stats_text)(trace, found))
    return ReplayStatus.FAITHFUL if found.damage is None else ReplayStatus.BAD_TRACE


def _verify(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_info import describe_end
    from traces.errors import DamagedTrace
    from traces.reader import open_trace
    from traces.verify import verify

    try:
        with open_trace(arguments.trace) as trace:
            found = verify(trace)
            ended = describe_end(trace.summary)
    except DamagedTrace as error:
        error.locate(arguments.trace)
        print(f"damaged: {one_line(str(error))}")
        return ReplayStatus.BAD_TRACE
    state = "sound and complete" if found.complete else "sound but incomplete"
    size = size_text(found.file_bytes)
    digests = counted(found.digests, "state digest")
    print(f"{state}: {counted(found.events, 'event')}, {digests}, {size}; {ended}")
    return ReplayStatus.FAITHFUL if found.complete else ReplayStatus.INCOMPLETE


def _salvage(arguments: argparse.Namespace) -> int:
    from traces.salvage import salvage

    report = salvage(arguments.trace, arguments.output)
    if not report.out:
        print(f"nothing can be kept: {one_line(report.reason)}")
        return ReplayStatus.BAD_TRACE
    out = one_line(report.out)
    print(f"kept {counted(report.events_kept, 'event')} ({size_text(report.bytes_kept)}) in {out}")
    if report.bytes_lost:
        print(f"lost {size_text(report.bytes_lost)}: {one_line(report.reason)}")
    elif report.ended:
        print("lost nothing: the run is whole to its end")
    else:
        print(f"lost nothing: {one_line(report.reason)}")
    return ReplayStatus.FAITHFUL


def _diff(arguments: argparse.Namespace) -> int:
    from traces.compare import compare
    from traces.reader import open_trace

    with open_trace(arguments.left) as left, open_trace(arguments.right) as right:
        difference = compare(left, right)
        if difference is None:
            print(f"the same run: {counted(left.event_count, 'event')} and the ending agree")
            return ReplayStatus.FAITHFUL
        print("\n".join(_difference_lines(difference, (left, right))))
    return ReplayStatus.DIVERGED


def _difference_lines(difference: Difference, traces: tuple[Trace, Trace]) -> list[str]:
    from traces.compare import Where

    texts = [one_line(difference.left), one_line(difference.right)]
    where = f"{difference.where.value} {one_line(difference.name)}"
    if difference.where is Where.EVENT:
        where = f"event {difference.name}, and all before agree"
        texts = [_event_at(trace, int(difference.name)) for trace in traces]
    width = max(len(one_line(trace.path)) for trace in traces)
    return [
        f"first difference: {where}",
        *(
            f"  {one_line(trace.path):<{width}}  {text}"
            for trace, text in zip(traces, texts, strict=True)
        ),
    ]


def _event_at(trace: Trace, index: int) -> str:
    from replay.export.event_lines import EventLines

    event = next(trace.events(index), None)
    if event is None:
        return f"(no more events; how the run ended: {_end_of(trace)})"
    return EventLines(trace.header).line(event)


def _export(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_export import export

    return export(arguments)


def _end_of(trace: Trace) -> str:
    from replay.cli.trace_info import describe_end

    return describe_end(trace.summary)


def _look(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_looking import look
    from replay.cli.trace_tools_options import pattern_of

    if arguments.command == "grep":
        try:
            arguments.pattern = pattern_of(arguments)
        except ValueError as error:
            say(_PROGRAM, str(error))
            return ReplayStatus.USAGE
    return look(arguments)


def _rewrite(arguments: argparse.Namespace) -> int:
    from replay.cli.trace_rewriting import rewrite_trace

    return rewrite_trace(arguments)


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    **dict.fromkeys(("cat", "grep", "extract"), _look),
    **dict.fromkeys(("strip", "pack", "unpack", "cut"), _rewrite),
    "info": _info,
    "dump": _dump,
    "stats": _stats,
    "verify": _verify,
    "salvage": _salvage,
    "diff": _diff,
    "export": _export,
}


if __name__ == "__main__":
    sys.exit(main())
