"""Random journeys through recorded runs, in both directions: each stop is where a journey of
another kind stops, too, and the guest there is that of a straight replay.

    python tests/stress/journeys.py [PROGRAM ...] [--seconds N] [--seed N] [--target hvt|spt]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from replay.engines.ports import Access, Watchpoint
from replay.machine.digest import memory_digest, register_digest
from replay.machine.position import Position
from replay.player.stops import Break, Condition, Stop, Wanted, Watch, Why
from replay.player.timeline import Timeline
from tests.gdb.recordings import Recordings
from tests.unit.replay.player.travelled import BACK, NEVER, ON, travelling

PROGRAMS = ("hello", "exception", "flaky", "blkcalls", "net", "fpu", "rdtscp", "udp", "memory")
JOURNEYS = 150
"""In one session; its checkpoints stand as far apart as chance wills."""
NEARBY = 3000

Digest = tuple[bytes, bytes]
Wants = Callable[[Condition | None], Wanted]


def always(_view: object) -> bool:
    """A condition that has to be asked, and holds."""
    return True


def digest(timeline: Timeline) -> Digest:
    """What the guest is like."""
    ram = timeline._replay.machine.ram
    return register_digest(timeline.registers()), memory_digest(ram)


@dataclass(slots=True)
class Session:
    """Journeys on one timeline. ``seen`` are the places where it has stood, ``problems`` what was
    not as it should be."""

    timeline: Timeline
    chance: random.Random
    seen: dict[Position, Digest] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    journeys: int = 0

    def play(self) -> None:
        """As many journeys as a session has."""
        self.timeline.seek(self.timeline.end)
        last = self.timeline.steps
        kinds = (self.go, self.step, self.run_until, self.breaks, self.breaks)
        more = (self.watches, self.watches, self.events, self.interrupted)
        while self.journeys < JOURNEYS:
            self.timeline.step(self.chance.randrange(last) - self.timeline.steps)
            self.chance.choice((*kinds, *more))()

    def note(self) -> None:
        """The guest stands somewhere; twice at one place it must be the same."""
        self.journeys += 1
        here, now = self.timeline.position, digest(self.timeline)
        if self.seen.setdefault(here, now) != now:
            self.problems.append(f"{here}: another state than before")

    def expect(self, what: str, found: object, meant: object) -> None:
        """Two things that must be equal."""
        if found != meant:
            self.problems.append(f"{what}: {found}, not {meant}")

    def go(self) -> None:
        """To a place where it has been."""
        self.timeline.seek(self.chance.choice([*self.seen] or [self.timeline.end]))
        self.note()

    def step(self) -> None:
        """Some steps on, and back to the same place."""
        begin, count = self.timeline.position, self.chance.randrange(1, NEARBY)
        self.note()
        before = self.timeline.steps
        self.timeline.step(count)
        self.note()
        self.timeline.step(before - self.timeline.steps)
        self.expect("steps there and back", self.timeline.position, begin)
        self.note()

    def run_until(self) -> None:
        """To a place that there is, by a run."""
        goal = self.chance.choice([*self.seen] or [self.timeline.end])
        direction = ON if goal >= self.timeline.position else BACK
        self.expect("until", self.timeline.run(direction, Wanted(until=goal)).position, goal)
        self.note()

    def breaks(self) -> None:
        """Noted or asked, there and back, it is the same place."""
        here = self.timeline.position
        self.timeline.step(self.chance.randrange(-NEARBY, NEARBY))
        address = self.timeline.registers()["rip"]
        self.timeline.seek(here)
        self.both_ways(lambda condition: Wanted(breaks=(Break(address, condition),)), here)

    def watches(self) -> None:
        """The same for memory near the stack or near another register's value."""
        here, registers = self.timeline.position, self.timeline.registers()
        base = registers[self.chance.choice(("rsp", "rsp", "rdi", "rsi", "rbx", "rax"))]
        size = self.chance.choice((1, 2, 3, 4, 7, 8, 16, 31, 64))
        at = (base + self.chance.randrange(-64, 64)) & ((1 << 40) - 1)
        point = Watchpoint(at, size, self.chance.choice([*Access]))
        if self.timeline.read(at, size) is not None:
            self.both_ways(lambda condition: Wanted(watches=(Watch(point, condition),)), here)

    def both_ways(self, wanted: Wants, here: Position) -> None:
        direction = self.chance.choice((ON, BACK))
        stops: list[Stop] = []
        for condition in (None, always):
            self.timeline.seek(here)
            stops.append(self.timeline.run(direction, wanted(condition)))
            self.note()
        noted, asked = stops
        what = f"{direction.value} from {here}, {wanted(None)}"
        self.expect(what, (asked.position, asked.why), (noted.position, noted.why))
        is_inside = noted.position not in (self.timeline.start, self.timeline.end)
        if noted.why in (Why.BREAK, Why.WATCH) and is_inside:
            self.again(wanted, noted, direction is ON, what)

    def again(self, wanted: Wants, stop: Stop, is_on: bool, what: str) -> None:
        """From a little farther, the way back has the same place; for accesses, the other side."""
        condition = self.chance.choice((None, always))
        if stop.why is Why.WATCH:
            back = self.timeline.run(BACK if is_on else ON, wanted(condition))
            self.expect(f"{what}, and back", back.why, Why.WATCH)
            self.note()
            back = self.timeline.run(ON if is_on else BACK, wanted(condition))
        else:
            self.timeline.step(1 if is_on else -1)
            back = self.timeline.run(BACK if is_on else ON, wanted(condition))
        self.expect(f"{what}, and again", back.position, stop.position)
        self.note()

    def events(self) -> None:
        """Behind the next event of a kind, and the one before."""
        rest = self.chance.randrange(1, 7)
        wanted = Wanted(event=lambda index, _call, _result: index % 7 == rest)
        stop = self.timeline.run(self.chance.choice((ON, BACK)), wanted)
        if stop.why is Why.EVENT:
            self.expect("an event", (stop.position.event - 1) % 7, rest)
            self.expect("behind an event", stop.position.instructions, 0)
        self.note()

    def interrupted(self) -> None:
        """A long journey, ended by another thread or not."""
        never = Wanted(breaks=(Break(self.timeline.registers()["rip"], lambda _: False),))
        timer = threading.Timer(self.chance.random() * 0.02, self.timeline.interrupt)
        timer.start()
        self.timeline.run(self.chance.choice((ON, BACK)), never)
        timer.join()
        self.note()


def check_straight(trace: Path, seen: dict[Position, Digest]) -> list[str]:
    """What a replay that never goes back knows better."""
    with travelling(trace, cadence=NEVER) as timeline:
        problems = []
        for position in sorted(seen):
            timeline.seek(position)
            if digest(timeline) != seen[position]:
                problems.append(f"{position}: not as in a straight replay")
    return problems


def main() -> int:
    """The exit status: 0 when all was as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("programs", nargs="*", default=PROGRAMS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="hvt")
    given = parser.parse_args()
    ends_at, seed, journeys, failed = time.monotonic() + given.seconds, given.seed, 0, 0
    with tempfile.TemporaryDirectory() as name:
        recordings = Recordings(Path(name))
        while time.monotonic() < ends_at:
            program = given.programs[seed % len(given.programs)]
            trace = recordings.trace(program, target=given.target)
            chance = random.Random(seed)
            cadence = chance.choice((300, 1000, 3000, 20_000))
            memory = chance.choice((1 << 16, 1 << 20, 1 << 28))
            with travelling(trace, cadence=cadence, memory=memory) as timeline:
                session = Session(timeline, chance)
                session.play()
            problems = session.problems + check_straight(trace, session.seen)
            print(f"seed {seed}, {program}: {session.journeys} journeys", *problems, sep="\n  ")
            journeys, failed, seed = journeys + session.journeys, failed + len(problems), seed + 1
    print(f"{journeys} journeys, {failed} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
