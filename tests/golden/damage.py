"""Replays damaged copies of one trace and says what came of each: the program of a test.

    python -m tests.golden.damage TRACE HOW

prints a JSON object: how often each outcome was met, the longest attempt in seconds, the most
memory in bytes, and the attempts that broke the rule with what they raised. The rule: an error of
`TYPED_ERRORS`, or a replay that agrees with a prefix of the recording.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import zstandard

from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.ending import Reached
from replay.player.session import ReplaySession
from replay.testing.replayer import TYPED_ERRORS
from traces.errors import TraceError
from traces.framing import BlockEncoder
from traces.reader import Trace, open_trace
from traces.salvage import salvage

REPLAY_EVERY = 5
SALVAGE_EVERY = 16
BATCH = 100
BATCH_MAX_S = 60
"""Garbage is collected after each batch of copies, so that the memory measured is that of a few
replays; and the process ends itself when a batch takes longer, since then one copy hangs."""

FLIPS_BEFORE_EVENTS = 1000
FLIPS_BEHIND = 2000
MUTANTS = 400

Copies = Iterator[tuple[str, bytes]]


class BrokenRule(Exception):
    """A damaged trace was replayed as if it said something else."""


def cut(data: bytes, _events_at: int) -> Copies:
    """Truncated at every byte."""
    for size in range(len(data)):
        yield f"first {size} bytes", data[:size]


def flipped(data: bytes, events_at: int) -> Copies:
    """One bit changed: in a thousand places of header and guest, and in two thousand behind."""
    rng = random.Random(7)
    before = rng.sample(range(8 * events_at), FLIPS_BEFORE_EVENTS)
    rest = range(8 * events_at, 8 * len(data))
    for bit in sorted([*before, *rng.sample(rest, min(FLIPS_BEHIND, len(rest)))]):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(changed)


def forged(data: bytes, _events_at: int) -> Copies:
    """An event's bytes changed, behind right checksums: what only a replay can find out."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    header, *blocks = unpacker
    for seed in range(MUTANTS):
        rng = random.Random(seed)
        out = [msgpack.packb(header)]
        for tag, first, count, codec, _crc, payload in blocks[:-1]:
            content = zstandard.decompress(payload) if codec else payload
            if tag == "E":
                content = _mutated(content, rng)
            out.append(BlockEncoder().encode(tag, first, count, content))
        yield f"mutant {seed}", b"".join(out)


def _mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed))
        if rng.random() < 0.5:
            changed[at] ^= 1 << rng.randrange(8)
        else:
            changed[at] = rng.choice(b"\x00\x01\x02\x7f\x80\xc4\xcd\xce\xcf\xd3\xff")
    return bytes(changed)


HOW: dict[str, Callable[[bytes, int], Copies]] = {"cut": cut, "flipped": flipped, "forged": forged}


class Judge:
    """Reads copies of one trace, and replays all whose reading gave something new and every fifth
    of the others. ``is_forged``: results may be others than in the whole trace."""

    def __init__(self, whole: Path, *, is_forged: bool) -> None:
        with open_trace(whole) as trace:
            self._events = list(trace.events())
        self._is_forged = is_forged
        self._readings: Counter[object] = Counter()

    def outcome(self, path: Path) -> str:
        """One word for what came of a copy; raises BrokenRule or what should not be raised."""
        try:
            with open_trace(path) as trace:
                reading = self._reading(trace)
                self._readings[reading] += 1
                if self._readings[reading] % REPLAY_EVERY == 1 or self._is_forged:
                    return self._replay(trace)
                return str(reading[0] or "as before")
        except TYPED_ERRORS as error:
            if not str(error):
                raise BrokenRule("an error without a message") from error
            return type(error).__name__

    def _reading(self, trace: Trace) -> tuple[object, ...]:
        """Its error, and what can be known of the trace without a replay."""
        events, error = 0, ""
        try:
            for event in trace.events():
                if not self._is_forged and event != self._events[event.index]:
                    raise BrokenRule(f"event {event.index} was read as {event}")
                events += 1
            digests = len(list(trace.digests()))
            trace.guest()
        except TraceError as damage:
            digests, error = -1, type(damage).__name__
        return error, events, digests, trace.event_count, trace.complete, trace.summary

    def _replay(self, trace: Trace) -> str:
        engine = engine_factory(COUNTING_ENGINE)()
        session = ReplaySession(trace, engine)
        try:
            replayed = session.run()
        finally:
            session.close()
        if replayed.position.event != trace.event_count:
            raise BrokenRule(f"ended at {replayed.position} of {trace.event_count}")
        return "unfinished" if isinstance(replayed.ending, Reached) else "faithful"


def check_salvage(path: Path) -> None:
    """Salvage never raises, and what it writes can be read to its end."""
    out = path.with_suffix(".salvaged")
    out.unlink(missing_ok=True)
    report = salvage(path, out)
    if report.out:
        with open_trace(out) as trace:
            if len(list(trace.events())) != report.events_kept:
                raise BrokenRule(f"salvage reports {report.events_kept} events")


def _overwrite(path: Path, data: bytes) -> None:
    """Without making a new file, which takes longer than a replay on some file systems."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def main(whole: Path, how: str) -> None:
    """Judge all copies and print the verdict."""
    data = whole.read_bytes()
    with open_trace(whole) as trace:
        events_at = next(head.offset_bytes for head in trace.blocks() if head.tag == "E")
    judge = Judge(whole, is_forged=how == "forged")
    outcomes: Counter[str] = Counter()
    broken: list[str] = []
    longest_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.mp"
        path.touch()
        for number, (name, copy) in enumerate(HOW[how](data, events_at)):
            if number % BATCH == 0:
                gc.collect()
                faulthandler.dump_traceback_later(BATCH_MAX_S, exit=True)
            _overwrite(path, copy)
            begun = time.perf_counter()
            try:
                outcomes[judge.outcome(path)] += 1
                if number % SALVAGE_EVERY == 0:
                    check_salvage(path)
            except Exception as error:  # whatever it is, it is the finding
                broken.append(f"{name}: {type(error).__name__}: {error}")
            longest_s = max(longest_s, time.perf_counter() - begun)
    faulthandler.cancel_dump_traceback_later()
    memory_bytes = peak_memory_bytes()
    verdict = {
        "outcomes": outcomes,
        "longest_s": longest_s,
        "memory_bytes": memory_bytes,
        "broken": broken,
    }
    print(json.dumps(verdict))


def peak_memory_bytes() -> int:
    """The most memory this program has had resident. Not getrusage's figure, which begins with the
    size of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
