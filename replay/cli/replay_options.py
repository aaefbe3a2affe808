"""The command line of ``solo5-replay``."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.check_options import Traces, add_check_options, check_sense_of_check
from replay.cli.engine_options import ENGINE_HELP
from replay.version import VERSION

if TYPE_CHECKING:
    from replay.machine.position import Position

PROGRAM = "solo5-replay"
_LONGEST_S = 1e9  # threads can wait for about 9.2e9 seconds
_PORT_DIGITS = 5
_EXAMPLES = """\
examples:
  solo5-replay app.mp
      replay to the end, verify every crossing, print the console, exit as the guest did
  solo5-replay app.mp --check
      only the verdict, for CI
  solo5-replay --check traces/ --junit report.xml
      all traces (*.mp) in a folder, on all processors; GitHub and GitLab are told, too
  solo5-replay --check traces/ --guest new.hvt --rebuild-ok
      does a guest that was built anew do the same with what the recorded one received?
  solo5-replay app.mp --until 42
      stop just before event 42; `--until 42+1017`: and 1017 instructions after event 41
  solo5-replay app.mp --until 42 --core core && gdb app.hvt core
      the memory and registers there, for gdb
  solo5-replay app.mp --until 'pay if $rdi > 100'; solo5-replay app.mp --back-to write:total
      the first time that a function is called so; the last write to a variable
  solo5-replay app.mp --back-to console:corrupt --why 'u64[$rdi]'
      where does that value come from? back to "byte 12 of net_read #812", a constant, ...
  solo5-replay app.mp --gdb
      debug it in both directions; -e: from its end; --gdb 1234: wait for a gdb that you start
  solo5-replay app.mp --tui
      look at it in this terminal: the whole run, code, stack, memory, packets; F1 lists all keys
  solo5-replay app.mp --tui --follow
      the same while app.mp is still being recorded; Space pauses
  solo5-replay app.mp --web
      the same in a browser of this machine
  solo5-replay app.mp --guest fixed.hvt
      where would a changed guest have done something else?
  solo5-replay doctor
      what works on this host? (a trace of that name is ./doctor)

exit status: the guest's own; with --check 0 faithful, 1 faithful and the guest failed as recorded
(of several traces the worst: 130, 3, 4, 125, 124, 1, 5, 0);
2 usage, 3 divergence, 4 trace damaged or unsupported, 5 faithful as far as an incomplete trace
goes, 124 time limit, 125 this environment cannot replay it, 130 stopped by Ctrl-C or SIGTERM,
141 nobody reads the output any more
"""


def check_sense(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Options that cannot be meant together; exits as argparse does."""
    check_sense_of_check(parser, arguments)
    front = _front(arguments)
    if front:
        if arguments.check or arguments.until or arguments.core or arguments.timeout:
            parser.error(f"{front} goes with none of --check, --until, --core and --timeout")
        if arguments.back_to is not None:
            parser.error(f"{front} goes without --back-to")
    elif arguments.end or arguments.goto or arguments.keep_checkpoints:
        parser.error("-e, -g and --keep-checkpoints want --gdb or --tui, too")
    if arguments.once and front != "--gdb":
        parser.error("--once wants --gdb, too")
    if front not in ("--tui", "--web"):
        _check_no_screen(parser, arguments)
    if arguments.back_to is not None and (arguments.until or arguments.check):
        parser.error("--back-to goes with neither --until nor --check")
    if arguments.why and (front or arguments.check):
        parser.error("--why goes with neither --gdb, --tui, --web nor --check")
    if arguments.why and not arguments.until and arguments.back_to is None:
        parser.error("--why wants --until or --back-to, too: a place at which the value is seen")


def _check_no_screen(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.follow:
        parser.error("--follow wants --tui, too")
    if arguments.source:
        parser.error("--source wants --tui, too; gdb has its own command for that, `directory`")


def _front(arguments: argparse.Namespace) -> str:
    """The option by which the recording is looked at interactively; empty if it is not."""
    if arguments.gdb is not None:
        return "--gdb"
    if arguments.web is not None:
        return "--web"
    return "--tui" if arguments.tui else ""


def _goal(text: str) -> Position | str:
    """A position, or any other goal, for which symbols are needed."""
    from replay.machine.position import parse_position

    try:
        return parse_position(text)
    except ValueError as error:
        if not text or text[0] in "-+0123456789":
            raise argparse.ArgumentTypeError(str(error)) from error
        return text


def _position(text: str) -> Position:
    from replay.machine.position import parse_position

    try:
        return parse_position(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _new_file(text: str) -> Path:
    path = Path(text)
    if os.path.lexists(path):
        raise argparse.ArgumentTypeError(f"{text} exists, and nothing is overwritten")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > _PORT_DIGITS or int(text) >= 1 << 16:
        raise argparse.ArgumentTypeError(f"there is no port {text}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return value


def _mebibytes(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 20:
        raise argparse.ArgumentTypeError(f"not a number of MiB: {text!r}")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Replay a recorded Solo5 unikernel and verify every crossing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    parser.add_argument(
        "trace", nargs="+", action=Traces, metavar="TRACE", help="what solo5-record made"
    )
    parser.add_argument("--check", action="store_true", help="print the verdict alone, for CI")
    parser.add_argument(
        "--until",
        type=_goal,
        metavar="GOAL",
        help="stop at EVENT, EVENT+INSTRUCTIONS, FUNCTION, FILE:LINE, call:NAME, console:TEXT, "
        "write:VARIABLE, ... (the first time)",
    )
    parser.add_argument("--back-to", metavar="GOAL", help="the same, for the last time")
    parser.add_argument(
        "--why", metavar="VALUE", help="and tell where VARIABLE, $REGISTER, u32[…] comes from there"
    )
    parser.add_argument(
        "--core", type=_new_file, metavar="FILE", help="make a core file for gdb where it stops"
    )
    _add_fronts(parser)
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="give up after S seconds")
    parser.add_argument("--engine", default="auto", metavar="NAME", help=ENGINE_HELP)
    parser.add_argument("--guest", metavar="FILE", help="replay this guest instead")
    parser.add_argument("--args", metavar="TEXT", help="give the guest this command line instead")
    parser.add_argument(
        "-q", "--quiet", action="count", default=0, help="no verdict; -qq: no console either"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is used")
    add_check_options(parser)
    return parser


def _add_fronts(parser: argparse.ArgumentParser) -> None:
    """Ways to look at a recording interactively."""
    front = parser.add_mutually_exclusive_group()
    front.add_argument(
        "--gdb",
        nargs="?",
        const="",
        metavar="PORT|PATH",
        help="debug with gdb, which is started, or served at a port of this host or a socket",
    )
    front.add_argument("--tui", action="store_true", help="look at it in this terminal")
    front.add_argument(
        "--web",
        nargs="?",
        type=_port,
        const=0,
        metavar="PORT",
        help="the same in a browser, at a port of this host (any free one)",
    )
    parser.add_argument(
        "--source",
        action="append",
        type=_folder,
        default=[],
        metavar="DIR",
        help="with --tui: look for the guest's sources there, too; may be repeated",
    )
    parser.add_argument(
        "--once", action="store_true", help="with --gdb PORT: end when the first debugger leaves"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "-e", "--end", action="store_true", help="with --gdb or --tui: begin at the end"
    )
    begin.add_argument(
        "-g", "--goto", type=_position, metavar="POS", help="with --gdb or --tui: begin at POS"
    )
    begin.add_argument(
        "--follow",
        action="store_true",
        help="with --tui: go along with a recording that is still being made",
    )
    parser.add_argument(
        "--checkpoint-memory",
        type=_mebibytes,
        default=512,
        metavar="MIB",
        help="with --gdb or --tui: memory for states to go back to (512)",
    )
    parser.add_argument(
        "--keep-checkpoints",
        action="store_true",
        help="with --gdb or --tui: leave them in TRACE.checkpoints for the next time",
    )
