"""The command line of ``solo5-trace export``: its formats, their options and examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_DIGITS_MAX = 18
EXPORT_EXAMPLES = """\
examples:
  solo5-trace export pcapng app.mp
      all frames, both directions, in app.pcapng: wireshark app.pcapng
  solo5-trace export FORMAT --help
      what a format holds, and its options

The file is TRACE with another ending unless -o names it; `-o -` is standard output. Nothing is ever
overwritten, and an export that does not come to its end leaves no file.
exit status: 0 fine, 2 usage or the file exists, 3 the guest did something else, 4 damaged,
125 it cannot be replayed here, 130 stopped by Ctrl-C or SIGTERM
"""
_PCAPNG_EXAMPLES = """\
examples:
  solo5-trace export pcapng app.mp && wireshark app.pcapng
  solo5-trace export pcapng app.mp -o - | tshark -r - -Y tcp
  solo5-trace export pcapng --no-replay app.mp
      at once, from the trace alone: of frames that were sent it has the length only

A packet's comment names its event; `solo5-replay app.mp --until 42` stands before event 42.
Times are those of the guest's wall clock where it has one, else of the beginning of the recording
and the guest's other clocks; the capture's comment says which.
"""
_PERFETTO_EXAMPLES = """\
examples:
  solo5-trace export perfetto app.mp
      then open app.perfetto.json in https://ui.perfetto.dev (it stays on this machine)
  solo5-trace export perfetto --no-replay app.mp
      at once, from the trace alone: without the lines of the console

Calls are slices, on one track a family; the guest's own track has its waiting and running. Counters
have the bytes of each device and events per second; lines of the console and the end are instants.
Known are the guest's readings of its clocks. What lies between two of them is placed at even
distances; a wait takes what other calls leave.
"""
_ASCIICAST_EXAMPLES = """\
examples:
  solo5-trace export asciicast app.mp && asciinema play app.cast
  solo5-trace export asciicast app.mp -o - | asciinema play -
      the console again, in the guest's time

Refused calls and the end are markers (asciinema play --pause-on-markers).
"""
_JSONL_EXAMPLES = """\
examples:
  solo5-trace export jsonl app.mp -o - | jq -c 'select(.call == "NetWrite") | .frame'
  solo5-trace export jsonl --no-replay app.mp
      at once, from the trace alone: of what the guest gave it has length and CRC32C

The first line is the header of the trace, each further one an event: its time in nanoseconds since
the guest first read a clock, its date, and what `solo5-trace dump --json` has. Numbers from 2^53 on
are decimal text, bytes hexadecimal text.
"""
_CSV_EXAMPLES = """\
examples:
  solo5-trace export csv app.mp
  solo5-trace export csv --no-replay app.mp -o - | sqlite3 -csv run.db '.import /dev/stdin events'
      from the trace alone: of what the guest gave it has length and CRC32C
"""
_FOLDED_EXAMPLES = """\
examples:
  solo5-trace export folded app.mp -o - | sort -k2 -n -t' ' | tail
  solo5-trace export folded --every 1000 app.mp
      one call stack in each 1000 instructions, for flamegraph.pl, inferno or speedscope.app

What is counted is instructions, not time: a guest that waits executes none. Without --every there
are about 5000 samples. The same run gives the same samples.
"""
_FLAMEGRAPH_EXAMPLES = """\
examples:
  solo5-trace export flamegraph app.mp && xdg-open app.svg
  solo5-trace export flamegraph --every 1000 app.mp
      from one call stack in each 1000 instructions; without --every there are about 5000

What is counted is instructions, not time: a guest that waits executes none. A box is as wide as its
function was often on the stack; what it calls stands on it. Point at a box for its numbers.
"""
_LCOV_EXAMPLES = """\
examples:
  solo5-trace export lcov app.mp && genhtml -o coverage app.info
  solo5-trace export lcov --source ~/src/app app.mp
      where the guest was built elsewhere: its sources are looked for below that folder, too
  lcov -a first.info -a second.info -o both.info
      several runs together

Each line that has code in the guest, with the exact number of times that it was executed. The guest
wants debug information (-g).
"""
_DRCOV_EXAMPLES = """\
examples:
  solo5-trace export drcov app.mp
      then open the guest in a disassembler and load app.drcov there (Lighthouse, Cartographer)
"""
_CORE_EXAMPLES = """\
examples:
  solo5-trace export core app.mp && gdb app.hvt app.core
      the guest as it ended
  solo5-trace export core --at 42+1017 app.mp
  solo5-trace export core --at 'pay if $rdi > 100' app.mp -o payment.core
      at a position, or the first time that a goal of `solo5-replay --until` is met

Only the owner may read the file: a guest's memory holds what it holds.
"""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: ``ending`` and access rights of its files, and whether a terminal can show them.

    ``is_place``: it shows one place of a run, in a file with holes.
    """

    name: str
    text: str
    examples: str
    ending: str
    options: Callable[[argparse.ArgumentParser], object]
    is_text: bool = True
    is_place: bool = False
    mode: int = 0o666


def add_formats(export: argparse.ArgumentParser) -> None:
    """Make ``export`` take a format; ``format`` holds its name."""
    formats = export.add_subparsers(metavar="FORMAT", required=True, title="formats", dest="format")
    for each in FORMATS.values():
        parser = formats.add_parser(
            each.name,
            help=each.text,
            description=f"{each.text[0].upper()}{each.text[1:]}.",
            epilog=each.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument("trace", metavar="TRACE")
        parser.add_argument("-o", "--output", metavar="FILE", help="must not exist; -: stdout")
        each.options(parser)


def _add_guest(parser: Any) -> None:
    parser.add_argument(
        "--guest", metavar="FILE", help="the guest, where the trace does not embed it"
    )


def _guest(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(replay=True)
    _add_guest(parser)


def _sampled(parser: argparse.ArgumentParser) -> None:
    _guest(parser)
    parser.add_argument(
        "--every", type=_distance, metavar="N", help="a sample in each N instructions"
    )


def _sourced(parser: argparse.ArgumentParser) -> None:
    _guest(parser)
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="DIR",
        help="look for the guest's sources there, too; may be repeated",
    )


def _placed(parser: argparse.ArgumentParser) -> None:
    _guest(parser)
    parser.add_argument(
        "--at",
        default="end",
        metavar="GOAL",
        help="a position or any other goal of `solo5-replay --until` (the end)",
    )


def _distance(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX or not int(text):
        raise argparse.ArgumentTypeError(f"not a number of instructions: {text!r}")
    return int(text)


def _replay(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    _add_guest(way)
    way.add_argument(
        "--no-replay",
        action="store_false",
        dest="replay",
        help="do not run the guest: without the bytes that it gave",
    )


FORMATS = {
    each.name: each
    for each in (
        Format(
            "pcapng",
            "network frames for Wireshark",
            _PCAPNG_EXAMPLES,
            ".pcapng",
            _replay,
            is_text=False,
        ),
        Format(
            "perfetto",
            "a timeline for ui.perfetto.dev",
            _PERFETTO_EXAMPLES,
            ".perfetto.json",
            _replay,
        ),
        Format("asciicast", "the console for asciinema", _ASCIICAST_EXAMPLES, ".cast", _guest),
        Format("jsonl", "events as JSON lines", _JSONL_EXAMPLES, ".jsonl", _replay),
        Format("csv", "events as a table", _CSV_EXAMPLES, ".csv", _replay),
        Format("folded", "call stacks, a line each", _FOLDED_EXAMPLES, ".folded", _sampled),
        Format("flamegraph", "call stacks as a picture", _FLAMEGRAPH_EXAMPLES, ".svg", _sampled),
        Format("lcov", "executed source lines, for genhtml", _LCOV_EXAMPLES, ".info", _sourced),
        Format(
            "drcov",
            "executed basic blocks, for disassemblers",
            _DRCOV_EXAMPLES,
            ".drcov",
            _guest,
            is_text=False,
        ),
        Format(
            "core",
            "memory and registers at a place, for gdb",
            _CORE_EXAMPLES,
            ".core",
            _placed,
            is_text=False,
            is_place=True,
            mode=0o600,
        ),
    )
}
