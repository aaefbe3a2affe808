"""Debugging a recording: ``solo5-replay --gdb`` starts gdb, or serves one that somebody starts."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say

if TYPE_CHECKING:
    from replay.gdbstub.adapter import TimelineTarget
    from replay.gdbstub.server import Address, Server
    from replay.machine.position import Position
    from replay.player.session import Changes
    from replay.player.timeline import Timeline
    from traces.reader import Trace

_PROGRAM = "solo5-replay"
_GDB = "gdb"
_PORT_MAX = 65535
_TIMEOUT_S = 10_000
"""How long gdb waits for an answer; its own 2 s are too short for a long journey."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Debugging:
    """What was asked for. ``where`` is a port or a path to serve at, or nothing to start gdb;
    debugging begins ``at`` a position, or ``at_end``, or at the start."""

    where: str
    at: Position | None = None
    at_end: bool = False


def debug(trace: Trace, wanted: Debugging, changes: Changes) -> int:
    """Debug until gdb has ended or, where it is only served, until Ctrl-C; the exit status."""
    from replay.gdbstub.errors import CannotServe
    from replay.player.timeline import Timeline

    if not wanted.where and shutil.which(_GDB) is None:
        say(_PROGRAM, f"{_GDB} is not installed: apt-get install gdb; or give --gdb PORT and let "
                      "another debugger connect")  # fmt: skip
        return ReplayStatus.CANNOT_REPLAY
    timeline = Timeline(trace, changes=changes, console=_show)
    try:
        _go_to_start(timeline, wanted)
        return _serve(_target(timeline, changes), wanted)
    except CannotServe as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    finally:
        timeline.close()


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


def _target(timeline: Timeline, changes: Changes) -> TimelineTarget:
    from replay.cli.trace_events import EventLines
    from replay.gdbstub.adapter import TimelineTarget

    describe = EventLines(timeline.trace.header).line
    if changes.guest is None:
        return TimelineTarget(timeline, _say, describe)
    return TimelineTarget(timeline, _say, describe, lambda: changes.guest)


def _serve(target: TimelineTarget, wanted: Debugging) -> int:
    from replay.gdbstub.server import Address, Server

    with contextlib.ExitStack() as stack:
        if wanted.where:
            address = _address(wanted.where)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="solo5-replay-"))
            address = Address(path=f"{folder}/gdb")
        server = Server(target, address, _say)
        stack.callback(server.close)
        if wanted.where:
            return _wait_for_clients(server)
        return _run_gdb(server)


def _address(where: str) -> Address:
    """A port's number, or a path. Raises CannotServe."""
    from replay.gdbstub.errors import CannotServe
    from replay.gdbstub.server import Address

    if not where.isdecimal():
        return Address(path=where)
    port = int(where)
    if port > _PORT_MAX:
        raise CannotServe(f"there is no port {port}")
    return Address(port)


def _wait_for_clients(server: Server) -> int:
    say(_PROGRAM, f"connect with: {shlex.join(gdb_command(server.address))}")
    with _on_signals(server.stop):
        server.serve()
    return ReplayStatus.FAITHFUL


def _run_gdb(server: Server) -> int:
    """gdb has the terminal; Ctrl-C is for gdb, and so is everything else that is typed."""
    with _on_signals(lambda: None), subprocess.Popen(gdb_command(server.address)) as gdb:
        watcher = threading.Thread(target=_stop_after, args=(gdb, server), daemon=True)
        watcher.start()
        server.serve()
        watcher.join()
        return ReplayStatus.FAITHFUL if gdb.returncode == 0 else ReplayStatus.CANNOT_REPLAY


def _stop_after(gdb: subprocess.Popen[bytes], server: Server) -> None:
    gdb.wait()
    server.stop()


@contextlib.contextmanager
def _on_signals(action: Callable[[], None]) -> Iterator[None]:
    """Handle Ctrl-C and the like by ``action``; a handler, unlike SIG_IGN, is not inherited."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda *_: action())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
