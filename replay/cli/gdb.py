"""Debugging a recording: ``solo5-replay --gdb`` starts gdb, or serves one that somebody starts."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.signals import on_signals

if TYPE_CHECKING:
    from replay.gdbstub.adapter import TimelineTarget
    from replay.gdbstub.server import Address, Server
    from replay.gdbstub.target import Target
    from replay.machine.position import Position
    from replay.player.session import Changes
    from replay.player.timeline import Timeline
    from traces.reader import Trace

_PROGRAM = "solo5-replay"
_GDB = "gdb"
_KEPT_SUFFIX = ".checkpoints"
_PORT = re.compile(r"(?:(?:localhost|127\.0\.0\.1)?:)?(-?[0-9]{1,9})")
_PORT_MAX = 65535
_TIMEOUT_S = 10_000
"""How long gdb waits for an answer; its own 2 s are too short for a long journey."""


@dataclass(frozen=True, slots=True)
class Debugging:
    """What was asked for. ``where`` is a port or a path to serve at, or nothing to start gdb;
    debugging begins ``at`` a position, or ``at_end``, or at the start. States to go back to take
    ``checkpoint_mib`` of memory, and stay beside the trace for the next time. ``once``: one client
    is served and no more."""

    where: str
    at: Position | None = None
    at_end: bool = False
    checkpoint_mib: int = 512
    keeps_checkpoints: bool = False
    once: bool = False


def debug(trace: Trace, wanted: Debugging, changes: Changes) -> int:
    """Debug until gdb has ended or, where it is only served, until Ctrl-C; the exit status."""
    from replay.gdbstub.errors import CannotServe
    from replay.player.errors import Divergence, StateDivergence
    from replay.player.timeline import Timeline

    if not wanted.where and is_gdb_missing(_PROGRAM):
        return ReplayStatus.CANNOT_REPLAY
    timeline = Timeline(
        trace,
        checkpoint_memory=wanted.checkpoint_mib << 20,
        changes=changes,
        console=_show,
        kept=Path(f"{trace.path}{_KEPT_SUFFIX}") if wanted.keeps_checkpoints else None,
    )
    try:
        _go_to_start(timeline, wanted)
        return _serve(_target(timeline, wanted), wanted)
    except CannotServe as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    except (Divergence, StateDivergence) as error:
        say(_PROGRAM, f"{error}; without -e and -g, debugging begins at the start and goes so far")
        return ReplayStatus.DIVERGED
    finally:
        timeline.close()


def is_gdb_missing(program: str) -> bool:
    """Whether there is no gdb to be started; says what can be done about it."""
    if shutil.which(_GDB) is not None:
        return False
    advice = "apt-get install gdb; or give --gdb a port and let another debugger connect"
    say(program, f"{_GDB} is not installed: {advice}")
    return True


def gdb_command(address: Address) -> list[str]:
    """How gdb is started so that it is connected and knows our commands."""
    from replay.gdbstub import gdb_commands_file

    return [
        *(_GDB, "-q", "-l", str(_TIMEOUT_S)),
        *("-iex", "set auto-load off", "-iex", "set sysroot target:"),
        *("-ex", f"source {gdb_commands_file()}"),
        *("-ex", f"target extended-remote {address}"),
    ]


def _say(text: str) -> None:
    say(_PROGRAM, text)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _go_to_start(timeline: Timeline, wanted: Debugging) -> None:
    place = timeline.end if wanted.at_end else wanted.at
    if place is not None:
        timeline.seek(place)


def _target(timeline: Timeline, wanted: Debugging) -> TimelineTarget:
    from replay.export.event_lines import EventLines
    from replay.gdbstub.adapter import TimelineTarget

    # A gdb that was started here shares this terminal; another one's user does not see it.
    say = None if wanted.where else _say
    return TimelineTarget(timeline, say, EventLines(timeline.trace.header).line)


def _serve(target: TimelineTarget, wanted: Debugging) -> int:
    with listening(target, wanted.where, _PROGRAM) as server:
        if not wanted.where:
            return ReplayStatus.FAITHFUL if run_gdb(server) else ReplayStatus.CANNOT_REPLAY
        with on_signals(lambda _: server.stop()):
            server.serve(once=wanted.once)
        return ReplayStatus.FAITHFUL


@contextlib.contextmanager
def listening(target: Target, where: str, program: str) -> Iterator[Server]:
    """A server at a port or path, of which people are told, or at a path of its own for a gdb that
    is to be started. Raises CannotServe."""
    from replay.gdbstub.server import Address, Server

    with contextlib.ExitStack() as stack:
        if where:
            address = _address(where)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="solo5-replay-"))
            address = Address(path=f"{folder}/gdb")
        server = Server(target, address, lambda text: say(program, text))
        stack.callback(server.close)
        if where:
            say(program, f"connect with: {shlex.join(gdb_command(server.address))}")
        yield server


def _address(where: str) -> Address:
    """A port's number, also as gdb writes it (``:1234``, ``localhost:1234``), or a path. Raises
    CannotServe."""
    from replay.gdbstub.errors import CannotServe
    from replay.gdbstub.server import Address

    match = _PORT.fullmatch(where)
    if match is None:
        return Address(path=where)
    port = int(match[1])
    if not 0 <= port <= _PORT_MAX:
        raise CannotServe(f"there is no port {port}")
    return Address(port)


def run_gdb(server: Server) -> bool:
    """Start gdb and serve it until it ends; whether all was well with it.

    gdb has the terminal: Ctrl-C is for gdb, and so is everything else that is typed.
    """
    with on_signals(lambda _: None), subprocess.Popen(gdb_command(server.address)) as gdb:
        watcher = threading.Thread(target=_stop_after, args=(gdb, server), daemon=True)
        watcher.start()
        server.serve()
        watcher.join()
        return gdb.returncode == 0


def _stop_after(gdb: subprocess.Popen[bytes], server: Server) -> None:
    gdb.wait()
    server.stop()
