"""A process that replays traces and says what came of them: one JSON line in, one out.

    python -m replay.testing.replayer

Tests use it through ``ReplayerProcess``, to replay in another process than the one that recorded
without starting one for every trace.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from monitors.errors import MonitorError
from replay.engines.errors import EngineError
from replay.engines.registry import engine_factory
from replay.machine.digest import MachineDigest, machine_digest
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.machine.position import Position, parse_position
from replay.player.errors import PlayerError
from replay.player.session import ReplaySession
from replay.testing.digests import DigestCheck, DigestDifference
from traces.errors import TraceError
from traces.reader import Trace, open_trace

TYPED_ERRORS = (TraceError, PlayerError, MonitorError, EngineError, DigestDifference)
"""What a replay may raise, whatever stands in the trace."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """One replay: where it came to and in which state. ``error`` is empty when all agreed."""

    ending: str = ""
    position: str = ""
    registers: str = ""
    memory: str = ""
    console_sha256: str = ""
    digests_compared: int = 0
    digests_verified: int = 0
    error: str = ""
    message: str = ""


class ReplayerFailed(Exception):
    """The process ended or did not answer in time; the message has what it wrote to stderr."""


def replay_file(
    engine_name: str, path: Path, log: bytes | None, until: Position | None = None
) -> ReplayReport:
    """Replay the trace at ``path`` on a new engine, comparing with ``log`` where there is one.

    Errors of ``TYPED_ERRORS`` become part of the report; any other is raised.
    """
    try:
        with open_trace(path) as trace:
            return _replay(engine_name, trace, log, until)
    except TYPED_ERRORS as error:
        return ReplayReport(error=type(error).__name__, message=str(error))


def _replay(
    engine_name: str, trace: Trace, log: bytes | None, until: Position | None
) -> ReplayReport:
    checks: list[DigestCheck] = []
    console = hashlib.sha256()

    def observers(machine: Machine) -> Sequence[Observer]:
        checks.extend([] if log is None else [DigestCheck(machine, log)])
        return checks

    engine = engine_factory(engine_name)()
    session = ReplaySession(trace, engine, console=console.update, observers=observers)
    try:
        replayed = session.run(until)
        state: MachineDigest = machine_digest(session.machine)
    finally:
        session.close()
    return ReplayReport(
        ending=str(replayed.ending),
        position=str(replayed.position),
        registers=state.registers.hex(),
        memory=state.memory.hex(),
        console_sha256=console.hexdigest(),
        digests_compared=sum(check.compared for check in checks),
        digests_verified=replayed.digests_verified,
    )


class ReplayerProcess:
    """The other end. ``environment`` is added to this process's own; close it when done."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "replay.testing.replayer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self._stderr: str | None = None

    @property
    def pid(self) -> int:
        """Of the other process."""
        return self._process.pid

    def replay(
        self,
        engine: str,
        trace: Path,
        *,
        log: Path | None = None,
        until: Position | None = None,
        times: int = 1,
        timeout_s: float = 120,
    ) -> list[ReplayReport]:
        """A report for each of ``times`` replays; raises ``ReplayerFailed``."""
        question = {
            "engine": engine,
            "trace": str(trace),
            "log": None if log is None else str(log),
            "until": None if until is None else str(until),
            "times": times,
        }
        answer = self._ask(json.dumps(question).encode() + b"\n", timeout_s)
        return [ReplayReport(**report) for report in json.loads(answer)]

    def close(self) -> None:
        """End the process."""
        if self._stderr is None:
            self._process.kill()
            self._stderr = self._process.communicate()[1].decode()

    def _ask(self, question: bytes, timeout_s: float) -> bytes:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        if self._stderr is not None:
            raise self._failure("has ended")
        try:
            process.stdin.write(question)
            process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure("has ended") from error
        ready, _, _ = select.select((process.stdout,), (), (), timeout_s)
        answer = process.stdout.readline() if ready else b""
        if not answer:
            raise self._failure("has ended" if ready else f"did not answer in {timeout_s:g} s")
        return answer

    def _failure(self, what: str) -> ReplayerFailed:
        self.close()
        return ReplayerFailed(f"the replaying process {what}: {self._stderr}")


def main() -> int:
    """Answer questions until there are no more."""
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        log = None if asked["log"] is None else Path(asked["log"]).read_bytes()
        until = None if asked["until"] is None else parse_position(asked["until"])
        trace = Path(asked["trace"])
        reports = [
            asdict(replay_file(asked["engine"], trace, log, until)) for _ in range(asked["times"])
        ]
        sys.stdout.buffer.write(json.dumps(reports).encode() + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
