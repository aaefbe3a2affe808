"""The commands of solo5-trace that look for something or make other traces: their options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

Command = Callable[[str, str, str], argparse.ArgumentParser]
"""Adds a command: its name, what it does, examples."""

REDACTABLE = ("block", "net")
_CAT_EXAMPLES = """\
examples:
  solo5-trace cat app.mp
  solo5-trace cat app.mp --numbered | tail
      each line with the event that began it: solo5-replay app.mp --until N stands there

The guest runs again, verified. exit status: 3 it did something else, 125 it cannot be replayed here
"""
_GREP_EXAMPLES = """\
examples:
  solo5-trace grep 'ARP|corrupt' app.mp
      lines of the console and events, frames dissected, each with its event's number
  solo5-trace grep --only events 'NetRead.*UDP' app.mp
  solo5-trace grep --no-replay 'Poll.*time passed' app.mp
      of what stands in the trace alone: neither console nor bytes that the guest gave

PATTERN is a regular expression as Python has them.
exit status: 0 something was found, 1 nothing, else as for cat
"""
_EXTRACT_EXAMPLES = """\
examples:
  solo5-trace extract guest app.mp -o app.hvt
  solo5-trace extract console app.mp
  solo5-trace extract block app.mp --device storage -o disk.img --to 500
      the device as far as the guest has read and written it before event 500; zeros elsewhere
"""
_STRIP_EXAMPLES = """\
examples:
  solo5-trace strip app.mp -o small.mp
      without the guest; solo5-replay small.mp --guest app.hvt
  solo5-trace strip app.mp --redact net,block -o redacted.mp
      without the bytes that the guest received, to be shown to others: it says of itself that it
      cannot be replayed. Lengths and CRC32C are left, from which very short data can be guessed,
      and so are the command line and random numbers; `info --json` tells what a trace holds
"""
_PACK_EXAMPLES = """\
examples:
  solo5-trace pack app.mp --guest app.hvt -o whole.mp
      a trace that was recorded with --no-embed, or stripped, holds its guest again
"""
_UNPACK_EXAMPLES = """\
examples:
  solo5-trace unpack app.mp -o folder
      the trace without its guest, and the guest beside it
"""
_CUT_EXAMPLES = """\
examples:
  solo5-trace cut app.mp --to 500 -o begin.mp
      the first 500 events; it replays, and is incomplete on purpose
"""


def add_tools(command: Command) -> None:
    """All of them."""
    cat = command("cat", "print what the guest printed", _CAT_EXAMPLES)
    cat.add_argument("trace", metavar="TRACE")
    cat.add_argument("-n", "--numbered", action="store_true", help="lines with their events")
    cat.add_argument("--from", dest="first", type=_event, default=0, metavar="N")
    _add_replay(cat)
    _add_grep(command("grep", "find events and lines of the console", _GREP_EXAMPLES))
    extract = command("extract", "write the guest, its console or a disk", _EXTRACT_EXAMPLES)
    extract.add_argument("what", choices=("guest", "console", "block"))
    extract.add_argument("trace", metavar="TRACE")
    extract.add_argument("-o", "--output", metavar="FILE", help="must not exist")
    extract.add_argument("--device", metavar="NAME", help="which block device, if there are more")
    _add_replay(extract)
    _add_rewriting(command)


def _add_grep(grep: argparse.ArgumentParser) -> None:
    grep.add_argument("pattern", metavar="PATTERN", type=str)
    grep.add_argument("trace", metavar="TRACE")
    grep.add_argument("-i", "--ignore-case", action="store_true")
    grep.add_argument("--only", choices=("events", "console"), default="")
    grep.add_argument("--no-replay", dest="replay", action="store_false")
    _add_replay(grep)


def _add_rewriting(command: Command) -> None:
    strip = command("strip", "leave out the guest, or bytes that it received", _STRIP_EXAMPLES)
    strip.add_argument(
        "--redact",
        type=_families,
        action="append",
        default=[],
        metavar="net,block",
        help="take out the bytes of these; the guest stays",
    )
    strip.add_argument(
        "--guest-too", action="store_true", help="with --redact: leave out the guest, too"
    )
    pack = command("pack", "put the guest into a trace", _PACK_EXAMPLES)
    pack.add_argument("--guest", metavar="FILE", help="where the trace does not hold it")
    unpack = command("unpack", "take trace and guest apart", _UNPACK_EXAMPLES)
    cut = command("cut", "leave out the end of a run", _CUT_EXAMPLES)
    cut.add_argument(
        "--to", type=_place, required=True, metavar="POS", help="the first event left out"
    )
    for each, what in ((strip, "FILE"), (pack, "FILE"), (unpack, "FOLDER"), (cut, "FILE")):
        each.add_argument("trace", metavar="TRACE")
        each.add_argument("-o", "--output", type=Path, metavar=what, required=True)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", dest="end", type=_event, metavar="N", help="stop before event N")
    parser.add_argument("--guest", metavar="FILE", help="where the trace does not embed its guest")


def pattern_of(arguments: argparse.Namespace) -> re.Pattern[str]:
    """What ``grep`` looks for; raises ValueError."""
    try:
        return re.compile(arguments.pattern, re.IGNORECASE if arguments.ignore_case else 0)
    except re.error as error:
        raise ValueError(f"not a regular expression: {arguments.pattern!r} ({error})") from error


def _families(text: str) -> frozenset[str]:
    found = frozenset(text.split(","))
    if not found <= set(REDACTABLE):
        raise argparse.ArgumentTypeError(f"choose of {', '.join(REDACTABLE)}: {text!r}")
    return found


def _place(text: str) -> int:
    from replay.machine.position import parse_position

    try:
        position = parse_position(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if position.instructions:
        raise argparse.ArgumentTypeError(f"a trace is cut between events, not at {text}")
    return position.event


def _event(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"not the number of an event: {text!r}")
    return int(text)
