"""Recordings of trials, made under the scripted source with the digests of every crossing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from pathlib import Path

from monitors.calls import Call, Result
from replay.machine.ending import Ending
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.machine.ports import Observer, Source
from replay.recorder.session import REPRODUCIBLE_PACE, Recorded, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.testing.digests import DigestLog
from replay.testing.source import ScriptedSource
from replay.toolchain.programs import Case
from replay.toolchain.transcript import compare_transcript
from tests.conformance.platforms import Platform, Trial

_INTERRUPT_EVERY_S = 0.005


@dataclass(frozen=True, slots=True)
class Recording:
    """What a recording left: the trace, the log of digests, and what the world has seen."""

    trace: Path
    log: Path
    events: int
    ending: Ending | None
    console: bytes
    sent: list[bytes]


class Studio:
    """Records trials into ``folder``, each once unless asked again."""

    def __init__(self, folder: Path, shelf: GuestShelf) -> None:
        self._folder = folder
        self._numbers = count()
        self._kept: dict[tuple[str, str], Recording] = {}
        self.shelf = shelf

    def recording(self, trial: Trial) -> Recording:
        """The one recording of a trial."""
        key = trial.platform.name, trial.run_name
        if key not in self._kept:
            self._kept[key] = self.record_again(trial)
        return self._kept[key]

    def record_again(self, trial: Trial, seed: int = 1) -> Recording:
        """A new recording of a trial."""
        plan = self.plan(trial)
        world = scripted_world(trial.case, plan, seed)
        return self.record(trial.platform, plan, world, case=trial.case)

    def plan(self, trial: Trial) -> MachinePlan:
        """What a trial boots."""
        guest = self.shelf.guest(trial.program, trial.platform.target)
        return case_plan(trial.case, guest, trial.program.name)[0]

    def record(
        self, platform: Platform, plan: MachinePlan, world: ScriptedSource, *, case: Case | None
    ) -> Recording:
        """A recording of any plan; a case that never ends is interrupted when its output is
        complete."""
        trace = self.new_file(".mp")
        log = self.new_file(".log")
        digests: list[DigestLog] = []

        def observers(machine: Machine) -> list[Observer]:
            digests.append(DigestLog(machine))
            return [*digests]

        recorded = self.record_from(platform, plan, world, trace, observers, case=case)
        log.write_bytes(digests[0].data)
        sent = [data for _, data in sorted(world.sent, key=itemgetter(0))]  # by device
        return Recording(trace, log, recorded.events, recorded.ending, bytes(world.console), sent)

    def record_from(
        self,
        platform: Platform,
        plan: MachinePlan,
        source: Source,
        trace: Path,
        observers: object = None,
        *,
        case: Case | None = None,
    ) -> Recorded:
        """A recording from any source, with the observers that ``observers`` makes."""
        with platform.selected():
            machine = boot_machine(plan, platform.make_engine())
        header = header_of(plan, machine.image, engine=platform.engine, created_by="conformance")
        watchers: Sequence[Observer] = observers(machine) if callable(observers) else ()
        try:
            with _ended_when_complete(machine, case, source) as ender:
                return record(
                    machine,
                    source,
                    trace,
                    header,
                    pace=REPRODUCIBLE_PACE,
                    observers=(*watchers, *ender),
                )
        finally:
            machine.close()

    def new_file(self, suffix: str) -> Path:
        """A name that nobody has used."""
        return self._folder / f"{next(self._numbers)}{suffix}"


class _Ender:
    """Interrupts a machine, from the crossing on after which nothing more will be printed."""

    def __init__(self, machine: Machine, case: Case, source: ScriptedSource) -> None:
        self._machine = machine
        self._case = case
        self._source = source
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._interrupt, daemon=True)

    def crossed(self, _index: int, _call: Call, _result: Result) -> None:
        if compare_transcript(self._case.expected, bytes(self._source.console)) is None:
            self._thread.start()

    def close(self) -> None:
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _interrupt(self) -> None:
        while not self._done.wait(_INTERRUPT_EVERY_S):
            self._machine.interrupt()


@contextlib.contextmanager
def _ended_when_complete(
    machine: Machine, case: Case | None, source: Source
) -> Iterator[Sequence[Observer]]:
    if case is None or case.ends != "never":
        yield ()
        return
    assert isinstance(source, ScriptedSource)
    ender = _Ender(machine, case, source)
    try:
        yield (ender,)
    finally:
        ender.close()
