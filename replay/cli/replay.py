"""The solo5-replay program: run a recorded unikernel again and verify every crossing."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.engine_options import ENGINE_HELP, explain_choice
from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.terminal import abandon_stdout
from replay.export.words import counted, one_line
from replay.version import VERSION

if TYPE_CHECKING:
    from replay.cli.stopping import Stopper
    from replay.machine.ending import Ending, Halted, Misused
    from replay.machine.position import Position
    from replay.player.session import Changes, Replayed, ReplaySession
    from traces.reader import Trace

_PROGRAM = "solo5-replay"
_CONSOLE_KEPT_BYTES = 4096
_PLACES = ("--until", "--back-to", "--core")
_LONGEST_S = 1e9  # threads can wait for about 9.2e9 seconds
_EXAMPLES = """\
examples:
  solo5-replay app.mp
      replay to the end, verify every crossing, print the console, exit as the guest did
  solo5-replay app.mp --check
      only the verdict, for CI
  solo5-replay app.mp --until 42
      stop just before event 42; `--until 42+1017`: and 1017 instructions after event 41
  solo5-replay app.mp --until 42 --core core && gdb app.hvt core
      the memory and registers there, for gdb
  solo5-replay app.mp --until 'pay if $rdi > 100'; solo5-replay app.mp --back-to write:total
      the first time that a function is called so; the last write to a variable
  solo5-replay app.mp --gdb
      debug it in both directions; -e: from its end; --gdb 1234: wait for a gdb that you start
  solo5-replay app.mp --guest fixed.hvt
      where would a changed guest have done something else?
  solo5-replay doctor
      what works on this host? (a trace of that name is ./doctor)

exit status: the guest's own; with --check 0 faithful, 1 faithful and the guest failed as recorded;
2 usage, 3 divergence, 4 trace damaged or unsupported, 5 faithful as far as an incomplete trace
goes, 124 time limit, 125 this environment cannot replay it, 130 stopped by Ctrl-C or SIGTERM,
141 nobody reads the output any more
"""


def main(argv: list[str] | None = None) -> int:
    """Replay one trace; the result is the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["doctor"]:
        from replay.cli.doctor import main as examine

        return examine(words[1:])
    parser = _parser()
    try:
        arguments = parser.parse_args(words)
        _check_sense(parser, arguments)
    except SystemExit as exit_:
        return ReplayStatus.USAGE if exit_.code else 0
    try:
        return _replay(arguments, words)
    except KeyboardInterrupt:
        say(_PROGRAM, "stopped")
        return ReplayStatus.INTERRUPTED
    except BrokenPipeError:
        abandon_stdout()
        return ReplayStatus.OUTPUT_CLOSED


def _replay(arguments: argparse.Namespace, words: list[str]) -> int:
    from monitors.errors import MonitorError
    from replay.engines.errors import EngineError
    from replay.player.errors import GuestNeeded, PlayerError
    from traces.errors import TraceError
    from traces.reader import open_trace

    try:
        with open_trace(arguments.trace) as trace:
            status = _Replay(arguments, words, trace).do()
        sys.stdout.flush()
        return status
    except TraceError as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.BAD_TRACE
    except (EngineError, GuestNeeded, MonitorError) as error:
        say(_PROGRAM, f"cannot replay {arguments.trace}: {error}")
        return ReplayStatus.CANNOT_REPLAY
    except PlayerError as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        say(_PROGRAM, f"{error.filename or _PROGRAM}: {error.strerror}")
        return ReplayStatus.CANNOT_REPLAY


@dataclass(slots=True)
class _ConsoleOutput:
    """The guest's console: on stdout unless silent, and its end kept for reports."""

    silent: bool
    kept: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        """Take what the guest prints."""
        self.kept += data
        del self.kept[:-_CONSOLE_KEPT_BYTES]
        if not self.silent:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


class _Replay:
    """The steps of one replay."""

    def __init__(self, arguments: argparse.Namespace, words: list[str], trace: Trace) -> None:
        self._arguments = arguments
        self._words = words
        self._trace = trace
        self._console = _ConsoleOutput(arguments.check or arguments.quiet > 1)

    def do(self) -> int:
        """What the command line asks for; the exit status."""
        if self._arguments.gdb is not None:
            return self._debug()
        if self._arguments.back_to is not None or isinstance(self._arguments.until, str):
            return self._travel()
        return self._run()

    def _travel(self) -> int:
        from replay.cli.travel import Trip, travel

        given = self._arguments
        trip = Trip(
            given.until if given.back_to is None else given.back_to,
            backward=given.back_to is not None,
            core=given.core,
            timeout_s=given.timeout,
            quiet=given.quiet > 0,
        )
        return travel(self._trace, trip, self._changes(), self._console.write)

    def _run(self) -> int:
        from replay.cli.stopping import Stopper

        session = self._session()
        stopper = Stopper(self._arguments.timeout)
        try:
            with stopper.watching(session.machine):
                return self._verdict(session, stopper)
        finally:
            session.close()

    def _session(self) -> ReplaySession:
        from replay.player.starting import start_replay

        session, choice = start_replay(
            self._trace,
            self._arguments.engine,
            changes=self._changes(),
            console=self._console.write,
        )
        if self._arguments.verbose:
            for line in explain_choice(choice):
                say(_PROGRAM, line)
            header = self._trace.header
            recorded = f"recorded on {one_line(header.machine.engine)} by {header.created_by}"
            say(_PROGRAM, f"engine {choice.name}; {recorded}")
        return session

    def _debug(self) -> int:
        from replay.cli.gdb import Debugging, debug

        given = self._arguments
        wanted = Debugging(
            given.gdb,
            at=given.goto,
            at_end=given.end,
            checkpoint_mib=given.checkpoint_memory,
            keeps_checkpoints=given.keep_checkpoints,
            once=given.once,
        )
        return debug(self._trace, wanted, self._changes())

    def _changes(self) -> Changes:
        import hashlib

        from replay.player.session import Changes

        given = self._arguments
        guest = Path(given.guest).read_bytes() if given.guest else None
        recorded = self._trace.header.guest.sha256
        if guest is not None and hashlib.sha256(guest).digest() != recorded:
            say(_PROGRAM, f"note: {given.guest} is not the recorded guest")
        return Changes(guest, None if given.args is None else os.fsencode(given.args))

    def _verdict(self, session: ReplaySession, stopper: Stopper) -> int:
        from replay.cli.divergence import divergence_report
        from replay.cli.progress import replay_with_progress
        from replay.player.errors import Divergence, StateDivergence

        until: Position | None = self._arguments.until
        started = time.perf_counter()
        wanted = not self._arguments.quiet and (self._console.silent or not sys.stdout.isatty())
        try:
            replayed = replay_with_progress(session, until, wanted=wanted)
        except (Divergence, StateDivergence) as error:
            again = [_PROGRAM, *_without_places(self._words)]
            say(_PROGRAM, divergence_report(error, session, bytes(self._console.kept), again))
            self._dump_core(session)
            return ReplayStatus.DIVERGED
        if self._arguments.verbose:
            say(_PROGRAM, f"replayed in {time.perf_counter() - started:.3f} s")
        self._dump_core(session, replayed.ending)
        return self._status(session, replayed, stopper)

    def _dump_core(self, session: ReplaySession, ending: Ending | None = None) -> None:
        if self._arguments.core is None:
            return
        from replay.cli.core_dump import dump_core
        from replay.machine.ending import Halted

        cookie = ending.cookie if isinstance(ending, Halted) else b""
        dump_core(_PROGRAM, self._arguments.core, session.machine, cookie)

    def _status(self, session: ReplaySession, replayed: Replayed, stopper: Stopper) -> int:
        from replay.machine.ending import Halted, Misused, Stopped

        match replayed.ending:
            case Stopped():
                say(_PROGRAM, f"{stopper.reason}, at position {replayed.position}")
                return ReplayStatus.TIMEOUT if stopper.timed_out else ReplayStatus.INTERRUPTED
            case Halted() | Misused() as ending:
                return self._ended(ending, replayed)
        if self._arguments.until is not None:
            return self._reached(session, replayed)
        return self._cut_short(replayed)

    def _ended(self, ending: Halted | Misused, replayed: Replayed) -> int:
        from replay.machine.ending import Misused

        status: int = ending.process_status
        how = f"the guest exited with status {status}"
        if isinstance(ending, Misused):
            how = f"the guest was ended with status {status}: {ending.detail}"
        self._say_verdict(f"faithful: {_amount(replayed)}; {how}")
        if self._arguments.check:
            return ReplayStatus.GUEST_FAILED if status else ReplayStatus.FAITHFUL
        return status

    def _cut_short(self, replayed: Replayed) -> int:
        from replay.player.verdict import why_cut_short

        self._say_verdict(f"faithful so far: {_amount(replayed)}; {why_cut_short(self._trace)}")
        return ReplayStatus.INCOMPLETE

    def _reached(self, session: ReplaySession, replayed: Replayed) -> int:
        from replay.cli.divergence import call_stack

        self._say_verdict(f"at position {replayed.position}")
        if not self._arguments.quiet:
            for number, place in enumerate(call_stack(session)):
                say(_PROGRAM, f"  {'by' if number else 'at'} {place}")
        return ReplayStatus.FAITHFUL

    def _say_verdict(self, text: str) -> None:
        if self._arguments.check:
            print(text)
        elif not self._arguments.quiet:
            say(_PROGRAM, text)


def _amount(replayed: Replayed) -> str:
    events = counted(replayed.position.event, "event")
    return f"{events} and {counted(replayed.digests_verified, 'state digest')} agree"


def _without_places(words: list[str]) -> list[str]:
    """The command line without where to stop and where to put a core file, which exists by now."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in _PLACES:
            next(rest, None)
        elif not word.startswith(tuple(f"{option}=" for option in _PLACES)):
            kept.append(word)
    return kept


def _check_sense(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Options that cannot be meant together; exits as argparse does."""
    if arguments.gdb is None:
        if arguments.end or arguments.goto or arguments.keep_checkpoints or arguments.once:
            parser.error("-e, -g, --once and --keep-checkpoints want --gdb, too")
    elif arguments.check or arguments.until or arguments.core or arguments.timeout:
        parser.error("--gdb goes with none of --check, --until, --core and --timeout")
    if arguments.back_to is not None and (arguments.until or arguments.gdb or arguments.check):
        parser.error("--back-to goes with none of --until, --gdb and --check")


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Replay a recorded Solo5 unikernel and verify every crossing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {VERSION}")
    parser.add_argument("trace", metavar="TRACE", help="what solo5-record made")
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
        "--core", type=_new_file, metavar="FILE", help="make a core file for gdb where it stops"
    )
    parser.add_argument(
        "--gdb",
        nargs="?",
        const="",
        metavar="PORT|PATH",
        help="debug with gdb, which is started, or served at a port of this host or a socket",
    )
    parser.add_argument(
        "--once", action="store_true", help="with --gdb PORT: end when the first debugger leaves"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("-e", "--end", action="store_true", help="with --gdb: begin at the end")
    begin.add_argument(
        "-g", "--goto", type=_position, metavar="POS", help="with --gdb: begin at POS"
    )
    parser.add_argument(
        "--checkpoint-memory",
        type=_mebibytes,
        default=512,
        metavar="MIB",
        help="with --gdb: memory for states to go back to (512)",
    )
    parser.add_argument(
        "--keep-checkpoints",
        action="store_true",
        help="with --gdb: leave them in TRACE.checkpoints, which makes the next time faster",
    )
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="give up after S seconds")
    parser.add_argument("--engine", default="auto", metavar="NAME", help=ENGINE_HELP)
    parser.add_argument("--guest", metavar="FILE", help="replay this guest instead")
    parser.add_argument("--args", metavar="TEXT", help="give the guest this command line instead")
    parser.add_argument(
        "-q", "--quiet", action="count", default=0, help="no verdict; -qq: no console either"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is used")
    return parser
