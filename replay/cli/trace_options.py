"""The command line of solo5-trace: its commands, options and examples."""

from __future__ import annotations

import argparse

from replay.cli.export_options import EXPORT_EXAMPLES, add_formats
from replay.cli.trace_tools_options import add_tools
from replay.version import VERSION

_PROGRAM = "solo5-trace"
_EXAMPLES = """\
examples:
  solo5-trace info app.mp
      what ran, on which machine, how it ended, events by type
  solo5-trace dump app.mp --type clock,poll --from 100 --to 200
      some events, one a line
  solo5-trace dump app.mp --replay
      the guest runs again, so that what it printed, sent and wrote is shown, too
  solo5-trace stats app.mp
      calls, bytes by device, waiting, gaps
  solo5-trace verify app.mp
      prove that every byte is as it was written
  solo5-trace salvage broken.mp -o rescued.mp
      keep what stands before the damage
  solo5-trace diff app.mp app.2.mp
      the first difference of two runs
  solo5-trace grep 'corrupt|ARP' app.mp
      events and lines of the console, with the events' numbers; `cat`: the console alone
  solo5-trace strip app.mp --redact net,block -o redacted.mp
      to be shown to others; `cut --to N`: shorter; `pack`, `unpack`: with and without the guest
  solo5-trace export pcapng app.mp
      its network frames for Wireshark; there are other formats

`solo5-trace COMMAND --help` says more about each.

exit status: 0 fine, 1 grep: nothing found, 2 usage, 3 diff: the traces differ, and where the guest
runs again: it did something else, 4 damaged or no trace, 5 verify: sound but incomplete, 125 the
host refuses, 130 stopped by Ctrl-C or SIGTERM, 141 nobody reads the output any more
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
  solo5-trace dump app.mp --replay --type console,net,block
      what the guest printed, sent and wrote, with what it received and read
  solo5-trace dump app.mp --json | jq -c 'select(.call == "WallClock") | .result.ns'

families of calls: clock console poll block net traps end. Times are seconds, TCP numbers absolute.

A trace keeps only the length and CRC32C of what the guest gave, since a replay makes it again. So
does --replay: it runs the guest from the start, verifies every crossing, and stops at --to.
exit status: 3 the guest did something else, 125 it cannot be replayed here
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
_STATS_EXAMPLES = """\
examples:
  solo5-trace stats app.mp
  solo5-trace stats --json app.mp | jq '.calls | map_values(.per_s)'

Events carry no time. All times are the guest's own, between readings of the clock that it read
most. Rates are over all of that. How long the guest waited lies between the timeouts of those polls
that found nothing (they passed) and what passed between the readings before and behind polls.
"""


def trace_parser() -> argparse.ArgumentParser:
    """The whole command line; ``command`` holds the command's name."""
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Look into recordings of Solo5 unikernels; prove, rescue, compare, convert.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {VERSION}")
    commands = parser.add_subparsers(
        metavar="COMMAND", required=True, title="commands", dest="command"
    )

    def command(name: str, text: str, examples: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    info = command("info", "show what a trace holds, and of which run", _INFO_EXAMPLES)
    info.add_argument("trace", metavar="TRACE")
    info.add_argument("--json", action="store_true", help="one JSON object instead of text")
    _add_dump_options(command("dump", "print events, one a line", _DUMP_EXAMPLES))
    stats = command("stats", "count calls, bytes and waiting", _STATS_EXAMPLES)
    stats.add_argument("trace", metavar="TRACE")
    stats.add_argument("--json", action="store_true", help="one JSON object instead of text")
    verify = command("verify", "check every byte of a trace", _VERIFY_EXAMPLES)
    verify.add_argument("trace", metavar="TRACE")
    salvage = command("salvage", "copy what is sound of a damaged trace", _SALVAGE_EXAMPLES)
    salvage.add_argument("trace", metavar="TRACE")
    salvage.add_argument("-o", "--output", metavar="FILE", required=True, help="must not exist")
    diff = command("diff", "find the first difference of two traces", _DIFF_EXAMPLES)
    diff.add_argument("left", metavar="TRACE")
    diff.add_argument("right", metavar="TRACE")
    add_tools(command)
    add_formats(command("export", "write a run in a form for other programs", EXPORT_EXAMPLES))
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
    add("--replay", action="store_true", help="run the guest again, to show what it gave")
    add("--guest", metavar="FILE", help="with --replay, where the trace does not embed its guest")
    form = dump.add_mutually_exclusive_group()
    form.add_argument("--hex", action="store_true", help="all bytes, and all layers of frames")
    form.add_argument("--json", action="store_true", help="JSON lines, bytes as hexadecimal text")


def _names(text: str) -> frozenset[str]:
    from monitors.calls.names import parse_call_names

    try:
        return parse_call_names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _event(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"not the number of an event: {text!r}")
    return int(text)
