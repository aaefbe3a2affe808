"""The real gdb, driven by scripts, over a stub that is served in this process."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from replay.cli.gdb import gdb_command
from replay.gdbstub.adapter import TimelineTarget
from replay.gdbstub.server import Address, Server
from replay.machine.digest import MachineDigest, memory_digest, register_digest
from replay.machine.position import Position
from replay.player.session import ReplaySession
from replay.player.stops import Stop, Wanted
from replay.player.timeline import Timeline
from traces.reader import Trace

GUEST = Path(__file__).parents[2] / "guest"
PATIENCE_S = 100
"""How long one session may take on a busy host."""
_DEAF_S = 1
_PRESSES_MAX = 5

_PRELUDE = (
    *("set pagination off", "set confirm off", "set style enabled off", "set width 0"),
    *("set debuginfod enabled off", f"set substitute-path /guest {GUEST}", f"directory {GUEST}"),
)
_MARK = re.compile(r"^<<<\d+>>>\n", re.MULTILINE)


class NotingTarget(TimelineTarget):
    """Notes position and digest of the guest at every ``monitor note``, and at every ``when``, of
    which gdb's history asks some by itself."""

    def __init__(self, timeline: Timeline, said: list[str]) -> None:
        super().__init__(timeline, said.append)
        self.timeline = timeline
        self.said = said
        self.noted: list[tuple[Position, MachineDigest]] = []
        self.notes: list[tuple[Position, MachineDigest]] = []
        self.running = threading.Event()

    def run(self, wanted: Wanted) -> Stop:
        self.running.set()
        return super().run(wanted)

    def run_back(self, wanted: Wanted) -> Stop:
        self.running.set()
        return super().run_back(wanted)

    def command(self, line: str) -> str:
        if line in ("when", "note"):
            digest = MachineDigest(
                register_digest(self.timeline.registers()),
                memory_digest(self.timeline.machine.ram),
            )
            kept = self.notes if line == "note" else self.noted
            kept.append((self.timeline.position, digest))
        return super().command(line)


@contextlib.contextmanager
def served(trace: Trace, folder: Path | None) -> Iterator[tuple[NotingTarget, Server]]:
    """A trace, to be debugged at a socket in ``folder``, or at a port without one."""
    timeline = Timeline(trace)
    target = NotingTarget(timeline, [])
    address = Address() if folder is None else Address(path=str(folder / "gdb"))
    server = Server(target, address, target.said.append)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield target, server
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        server.close()
        timeline.close()


def gdb(server: Server, commands: Sequence[str]) -> list[str]:
    """What gdb shows for each command; errors of gdb's are shown and end nothing."""
    words = [*gdb_command(server.address), "-nx"]
    marked = [f"echo <<<{number}>>>\\n\n{line}" for number, line in enumerate(commands)]
    script = "\n".join(("set prompt", *_PRELUDE, *marked, "echo <<<9999>>>\\n", ""))
    done = subprocess.run(
        words,
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    _, *shown, _end = _MARK.split(done.stdout)
    assert len(shown) == len(commands), done.stdout
    return shown


class Typing:
    """A gdb at which somebody types, and presses Ctrl-C."""

    def __init__(self, server: Server | Address) -> None:
        address = server if isinstance(server, Address) else server.address
        self._process = subprocess.Popen(
            [*gdb_command(address), "-nx"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._shown = b""
        self.type("set prompt", *_PRELUDE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        if failure is not None:
            self._process.kill()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._process.stdout.close()

    def type(self, *lines: str) -> None:
        """Type some lines."""
        assert self._process.stdin
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()

    def wait_for(self, text: str) -> str:
        """What is shown up to ``text``, from the last such moment on."""
        assert self._process.stdout
        wanted = text.encode()
        while wanted not in self._shown:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            data = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            assert data, f"no {text!r} after: {self._shown.decode()}"
            self._shown += data
        before, _, self._shown = self._shown.partition(wanted)
        return before.decode() + text

    def interrupt(self) -> None:
        """Press Ctrl-C until the guest has stopped: a gdb that is about to wait is deaf."""
        assert self._process.stdout
        for _ in range(_PRESSES_MAX):
            self.press_ctrl_c()
            while select.select([self._process.stdout], [], [], _DEAF_S)[0]:
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                self._shown += data
                if b"SIGINT" in self._shown or not data:
                    break
            if b"SIGINT" in self._shown:
                break
        self.wait_for("SIGINT")

    def die(self) -> None:
        """Be gone without a word."""
        self._process.kill()

    def press_ctrl_c(self) -> None:
        """As a terminal does it."""
        self._process.send_signal(signal.SIGINT)


def position_of(shown: str) -> str:
    """The position that ``when`` shows."""
    return shown.split(maxsplit=1)[0]


def linear_digests(trace: Trace, positions: Sequence[Position]) -> dict[Position, MachineDigest]:
    """What a plain replay from the start has at each of some positions."""
    from replay.engines.registry import COUNTING_ENGINE, engine_factory

    session = ReplaySession(trace, engine_factory(COUNTING_ENGINE)())
    digests: dict[Position, MachineDigest] = {}
    try:
        for position in sorted(set(positions)):
            session.run(position)
            machine = session.machine
            digests[position] = MachineDigest(
                register_digest(machine.engine.registers()), memory_digest(machine.ram)
            )
    finally:
        session.close()
    return digests
