"""Random debugging sessions with the real gdb: no hang, and always where a model says, with the
state of a plain replay.

    python tests/stress/gdb_sessions.py [--sessions N] [--moves N] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.gdb.driver import gdb, linear_digests, served
from tests.gdb.random_session import Map, RandomSession
from tests.gdb.recordings import Recordings
from traces.reader import open_trace


def play(trace_path: Path, folder: Path, seed: int, moves: int) -> list[str]:
    """One session; what was not as it should be, in words."""
    with open_trace(trace_path) as trace, served(trace, folder) as (target, server):
        recording = Map(trace)
        session = RandomSession(recording, random.Random(seed))
        gdb(server, list(session.commands(moves)))
        recording.close()
        noted = target.notes
        expected = linear_digests(trace, session.places)
    if len(noted) != len(session.places):
        return [f"{len(noted)} of {moves} moves were made"]
    return [
        f"move {number}: at {position} and not at {place}, or in another state"
        for number, ((position, digest), place) in enumerate(
            zip(noted, session.places, strict=True)
        )
        if position != place or digest != expected[place]
    ]


def main() -> int:
    """The exit status: 0 when all was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--moves", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        trace = Recordings(Path(name)).trace("hello")
        for seed in range(given.seed, given.seed + given.sessions):
            started = time.monotonic()
            problems = play(trace, Path(name), seed, given.moves)
            failed += bool(problems)
            print(f"seed {seed}: {time.monotonic() - started:.1f} s", *problems, sep="\n  ")
    print(f"{failed} of {given.sessions} sessions failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
