"""The solo5-trace program: look into traces, prove, rescue and compare them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import counted, one_line, say, size_text
from replay.cli.terminal import abandon_stdout, accept_any_text
from replay.version import VERSION

if TYPE_CHECKING:
    from traces.compare import Difference
    from traces.reader import Trace

_PROGRAM = "solo5-trace"
_EXAMPLES = """\
examples:
  solo5-trace info app.mp
      what ran, on which machine, how it ended, events by type
  solo5-trace dump app.mp --type clock,poll --from 100 --to 200
      some events, one a line
  solo5-trace verify app.mp
      prove that every byte is as it was written
  solo5-trace salvage broken.mp -o rescued.mp
      keep what stands before the damage
  solo5-trace diff app.mp app.2.mp
      the first difference of two runs

`solo5-trace COMMAND --help` says more about each.

exit status: 0 fine, 2 usage, 3 diff: the traces differ, 4 damaged or no trace, 5 verify: sound but
incomplete, 125 the host refuses, 141 nobody reads the output any more
"""
_INFO_EXAMPLES = """\
examples:
  solo5-trace info app.mp
  solo5-trace info --json app.mp | jq .events.by_call
"""
_DUMP_EXAMPLES = """\
examples:
  solo5-trace dump app.mp | head
  solo5-trace dump app.mp --type net --hex
      network calls, and the whole frames that arrived
  solo5-trace dump app.mp --type NetRead,poll --from 1000
  solo5-trace dump app.mp --json | jq -c 'select(.call == "WallClock") | .result.ns'

families of calls: clock console poll block net traps end. Times are seconds; a trace keeps only the
length and CRC32C of what the guest wrote, since a replay writes it again.
"""
_VERIFY_EXAMPLES = """\
examples:
  solo5-trace verify app.mp && echo sound and complete

This reads the file; `solo5-replay --check app.mp` runs the guest, too.
exit status: 0 sound and complete, 4 damaged, 5 sound but incomplete (the recorder was killed)
"""
_SALVAGE_EXAMPLES = """\
examples:
  solo5-trace salvage broken.mp -o rescued.mp && solo5-replay rescued.mp

The input is never changed, and the output never overwrites a file.
"""
_DIFF_EXAMPLES = """\
examples:
  solo5-trace diff good.mp bad.mp

Compared are guest, machine and boot options, then all events, then how the runs ended; not when and
by whom they were recorded. exit status: 0 the same run, 3 different
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    accept_any_text()
    try:
        arguments = _parser().parse_args(argv)
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

    command: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return command(arguments)
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
    from replay.cli.trace_dump import Selection, dump
    from traces.reader import open_trace

    names = frozenset().union(*arguments.type)
    selection = Selection(arguments.first, arguments.end, names)
    with open_trace(arguments.trace) as trace:
        dump(trace, selection, hex_dump=arguments.hex, as_json=arguments.json)
        to_end = selection.end is None or selection.end >= trace.event_count
        if to_end and trace.damage is not None:
            trace.damage.locate(trace.path)
            raise trace.damage
        if to_end and not trace.complete:
            sys.stdout.flush()
            say(_PROGRAM, f"the trace is incomplete; how the run ended: {_end_of(trace)}")
    return ReplayStatus.FAITHFUL


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
    from replay.cli.trace_events import EventLines

    event = next(trace.events(index), None)
    if event is None:
        return f"(no more events; how the run ended: {_end_of(trace)})"
    return EventLines(trace.header).line(event)


def _end_of(trace: Trace) -> str:
    from replay.cli.trace_info import describe_end

    return describe_end(trace.summary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Look into recordings of Solo5 unikernels; prove, rescue and compare them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, examples: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.set_defaults(run=run)
        return sub

    info = command("info", _info, "show what a trace holds, and of which run", _INFO_EXAMPLES)
    info.add_argument("trace", metavar="TRACE")
    info.add_argument("--json", action="store_true", help="one JSON object instead of text")
    _add_dump_options(command("dump", _dump, "print events, one a line", _DUMP_EXAMPLES))
    verify = command("verify", _verify, "check every byte of a trace", _VERIFY_EXAMPLES)
    verify.add_argument("trace", metavar="TRACE")
    salvage = command(
        "salvage", _salvage, "copy what is sound of a damaged trace", _SALVAGE_EXAMPLES
    )
    salvage.add_argument("trace", metavar="TRACE")
    salvage.add_argument("-o", "--output", metavar="FILE", required=True, help="must not exist")
    diff = command("diff", _diff, "find the first difference of two traces", _DIFF_EXAMPLES)
    diff.add_argument("left", metavar="TRACE")
    diff.add_argument("right", metavar="TRACE")
    return parser


def _add_dump_options(dump: argparse.ArgumentParser) -> None:
    add = dump.add_argument
    add("trace", metavar="TRACE")
    add(
        "--type",
        type=_names,
        action="append",
        default=[],
        metavar="NAME[,NAME]",
        help="only these calls or families of calls; may be repeated",
    )
    add("--from", dest="first", type=_event, default=0, metavar="N", help="begin with event N")
    add("--to", dest="end", type=_event, metavar="N", help="stop before event N")
    form = dump.add_mutually_exclusive_group()
    form.add_argument("--hex", action="store_true", help="all bytes of what devices gave")
    form.add_argument("--json", action="store_true", help="JSON lines, bytes as hexadecimal text")


def _names(text: str) -> frozenset[str]:
    from replay.cli.trace_dump import parse_names

    try:
        return parse_names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _event(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"not the number of an event: {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
