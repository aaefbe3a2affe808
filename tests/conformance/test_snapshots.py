"""Guests that are led to earlier states and back, as a debugger's time travel does it.

The pages to be put back are known from ``dirty_pages`` alone, and the processor from
``save_processor``: whatever they miss shows in the digests of the crossings that follow.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest

from monitors.calls import Call, Result
from monitors.ports import Registers
from replay.engines.ports import KeepsProcessor, TracksDirtyPages
from replay.engines.ram import PAGE_BYTES
from replay.machine.digest import memory_digest
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.player.session import ReplaySession
from replay.testing.digests import DigestCheck, entry_count
from tests.conformance.platforms import Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = (
    "exception-default",
    "faults-badcr3",
    "fpu-default",
    "hello-hello",
    "simd-default",
    "syscalls-allowed",
    "tls-default",
)
TRIPS_MAX = 40
"""Of longer runs they are spread evenly."""
KEPT_MAX = 12
AWAY_MAX = 300
ZERO_PAGE = bytes(PAGE_BYTES)


@dataclass(frozen=True, slots=True)
class Place:
    """A state to go back to, and what must be found there."""

    processor: object
    pages: Mapping[int, bytes]
    registers: Registers
    memory: bytes


class Traveller:
    """An observer that goes to a state of earlier, on from there for a while, and back."""

    def __init__(self, machine: Machine, events: int) -> None:
        self.trips = 0
        self._machine = machine
        self._engine: Any = machine.engine
        self._every = 1 + events // TRIPS_MAX
        self._chance = random.Random(events)
        self._known: dict[int, bytes] = {}
        self._places: list[Place] = []

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if index % self._every:
            return
        here = self._place()
        if self._places:
            self._go(self._chance.choice(self._places))
            self._engine.run_instructions(self._chance.randrange(AWAY_MAX))
            self._go(here)
            self.trips += 1
        if len(self._places) == KEPT_MAX:
            self._places.pop(self._chance.randrange(KEPT_MAX))
        self._places.append(here)

    def _place(self) -> Place:
        self._look()
        ram, registers = self._machine.ram, self._engine.registers()
        processor = self._engine.save_processor()
        return Place(processor, dict(self._known), registers, memory_digest(ram))

    def _look(self) -> None:
        for page in self._engine.dirty_pages():
            self._known[page] = self._engine.read(page * PAGE_BYTES, PAGE_BYTES)

    def _go(self, place: Place) -> None:
        self._look()
        for gpa, data in pieces(self._known, place.pages):
            self._engine.write(gpa, data)
        self._engine.restore_processor(place.processor)
        self._known = dict(place.pages)
        assert self._engine.registers() == place.registers
        assert memory_digest(self._machine.ram) == place.memory


def pieces(now: Mapping[int, bytes], then: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """What must be written where, pages behind each other at once."""
    wanted = {page: then.get(page, ZERO_PAGE) for page in {*now, *then}}
    differing = sorted(page for page in wanted if now.get(page) != wanted[page])
    for _, group in groupby(enumerate(differing), lambda item: item[1] - item[0]):
        pages = [page for _, page in group]
        yield pages[0] * PAGE_BYTES, b"".join(wanted[page] for page in pages)


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_journeys_into_the_past_are_not_noticed(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name, KeepsProcessor)
    require(trial.platform, trial.program.name, TracksDirtyPages)
    recording = studio.recording(Trial(reference_of(trial.platform), trial.program, trial.case))
    log = recording.log.read_bytes()
    watchers: list[tuple[Traveller, DigestCheck]] = []

    def observers(machine: Machine) -> Sequence[Observer]:
        watchers.append((Traveller(machine, recording.events), DigestCheck(machine, log)))
        return watchers[0]

    with open_trace(recording.trace) as trace, trial.platform.selected(), ExitStack() as stack:
        session = ReplaySession(trace, trial.platform.make_engine(), observers=observers)
        stack.callback(session.close)
        replayed = session.run()
    assert replayed.ending == recording.ending
    assert watchers[0][0].trips >= min(recording.events, TRIPS_MAX) // 2 - 1 > 0
    assert watchers[0][1].compared == entry_count(log)
