"""The solo5-replay program: run a recorded unikernel again and verify every crossing."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.check_options import is_for_many
from replay.cli.engine_options import explain_choice
from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.replay_options import PROGRAM, check_sense, make_parser
from replay.cli.terminal import abandon_stdout
from replay.cli.verdict_text import FAILED, amount, how_ended
from replay.export.words import one_line

if TYPE_CHECKING:
    from replay.cli.stopping import Stopper
    from replay.machine.ending import Ending, Halted, Misused
    from replay.machine.position import Position
    from replay.player.session import Changes, Replayed, ReplaySession
    from traces.reader import Trace

_CONSOLE_KEPT_BYTES = 4096
_PLACES = ("--until", "--back-to", "--core")


def main(argv: list[str] | None = None) -> int:
    """Replay one trace; the result is the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["doctor"]:
        from replay.cli.doctor import main as examine

        return examine(words[1:])
    parser = make_parser()
    try:
        arguments = parser.parse_intermixed_args(words)
        check_sense(parser, arguments)
    except SystemExit as exit_:
        return ReplayStatus.USAGE if exit_.code else 0
    try:
        return _check_all(arguments) if is_for_many(arguments) else _replay(arguments, words)
    except KeyboardInterrupt:
        say(PROGRAM, "stopped")
        return ReplayStatus.INTERRUPTED
    except BrokenPipeError:
        abandon_stdout()
        return ReplayStatus.OUTPUT_CLOSED


def _check_all(arguments: argparse.Namespace) -> int:
    from replay.cli.checking import check_all

    return check_all(arguments)


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
        say(PROGRAM, str(error))
        return ReplayStatus.BAD_TRACE
    except (EngineError, GuestNeeded, MonitorError) as error:
        say(PROGRAM, f"cannot replay {arguments.trace}: {error}")
        return ReplayStatus.CANNOT_REPLAY
    except PlayerError as error:
        say(PROGRAM, str(error))
        return ReplayStatus.USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        say(PROGRAM, f"{error.filename or PROGRAM}: {error.strerror}")
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
        if self._arguments.web is not None:
            from replay.cli.web import serve

            return serve(self._arguments)
        if self._arguments.tui:
            return self._browse()
        given = self._arguments
        if given.back_to is not None or given.why or isinstance(given.until, str):
            return self._travel()
        return self._run()

    def _travel(self) -> int:
        from replay.cli.travel import Trip, travel

        given = self._arguments
        trip = Trip(
            str(given.until) if given.back_to is None else given.back_to,
            backward=given.back_to is not None,
            core=given.core,
            timeout_s=given.timeout,
            quiet=given.quiet > 0,
            why=given.why or "",
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
                say(PROGRAM, line)
            header = self._trace.header
            recorded = f"recorded on {one_line(header.machine.engine)} by {header.created_by}"
            say(PROGRAM, f"engine {choice.name}; {recorded}")
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

    def _browse(self) -> int:
        from replay.cli.tui import Browsing, browse

        given = self._arguments
        wanted = Browsing(
            at=given.goto,
            at_end=given.end,
            sources=given.source,
            checkpoint_mib=given.checkpoint_memory,
            keeps_checkpoints=given.keep_checkpoints,
            follow=given.follow,
        )
        return browse(self._trace, wanted, self._changes())

    def _changes(self) -> Changes:
        import hashlib

        from replay.player.session import Changes

        given = self._arguments
        guest = Path(given.guest).read_bytes() if given.guest else None
        recorded = self._trace.header.guest.sha256
        if guest is not None and hashlib.sha256(guest).digest() != recorded:
            say(PROGRAM, f"note: {given.guest} is not the recorded guest")
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
            again = [PROGRAM, *_without_places(self._words)]
            say(PROGRAM, divergence_report(error, session, bytes(self._console.kept), again))
            self._dump_core(session)
            return ReplayStatus.DIVERGED
        if self._arguments.verbose:
            say(PROGRAM, f"replayed in {time.perf_counter() - started:.3f} s")
        self._dump_core(session, replayed.ending)
        return self._status(session, replayed, stopper)

    def _dump_core(self, session: ReplaySession, ending: Ending | None = None) -> None:
        if self._arguments.core is None:
            return
        from replay.cli.core_dump import dump_core
        from replay.machine.ending import Halted

        cookie = ending.cookie if isinstance(ending, Halted) else b""
        dump_core(PROGRAM, self._arguments.core, session.machine, cookie)

    def _status(self, session: ReplaySession, replayed: Replayed, stopper: Stopper) -> int:
        from replay.machine.ending import Halted, Misused, Stopped

        match replayed.ending:
            case Stopped():
                say(PROGRAM, f"{stopper.reason}, at position {replayed.position}")
                return ReplayStatus.TIMEOUT if stopper.timed_out else ReplayStatus.INTERRUPTED
            case Halted() | Misused() as ending:
                return self._ended(ending, replayed)
        if self._arguments.until is not None:
            return self._reached(session, replayed)
        return self._cut_short(replayed)

    def _ended(self, ending: Halted | Misused, replayed: Replayed) -> int:
        status: int = ending.process_status
        failed = FAILED if self._arguments.check and status else ""
        self._say_verdict(f"faithful{failed}: {amount(replayed)}; {how_ended(ending)}")
        if self._arguments.check:
            return ReplayStatus.GUEST_FAILED if status else ReplayStatus.FAITHFUL
        return status

    def _cut_short(self, replayed: Replayed) -> int:
        from replay.player.verdict import why_cut_short

        self._say_verdict(f"faithful so far: {amount(replayed)}; {why_cut_short(self._trace)}")
        return ReplayStatus.INCOMPLETE

    def _reached(self, session: ReplaySession, replayed: Replayed) -> int:
        from replay.cli.divergence import call_stack

        self._say_verdict(f"at position {replayed.position}")
        if not self._arguments.quiet:
            for number, place in enumerate(call_stack(session)):
                say(PROGRAM, f"  {'by' if number else 'at'} {place}")
        return ReplayStatus.FAITHFUL

    def _say_verdict(self, text: str) -> None:
        if self._arguments.check:
            print(text)
        elif not self._arguments.quiet:
            say(PROGRAM, text)


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
