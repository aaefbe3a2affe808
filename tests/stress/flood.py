"""A flood of pings against a guest, recorded and not recorded, on the same engine; no test.

    python tests/stress/flood.py [PINGS]

In a network namespace of its own, as root: round trips one at a time, in turns with and without a
recording; then a flood of each kind, and the replay of the recorded one without a network.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program
from tests.net.liverun import Finished, LiveRun, replay
from tests.net.namespace import Namespace, why_unavailable
from tests.stress.unrecorded import UNRECORDED

PINGS = 100_000
ROUND_TRIPS, TURNS = 3000, 12
FRAME_BYTES = 98
ADDED_TO_ROUND_TRIP_MAX = 0.10
TRACE_BYTES_MAX = 1.2 * FRAME_BYTES + 24
_MINUTES_S = 600.0
_GUEST = "10.0.0.2"


class Bench:
    """One namespace and one guest, run again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.namespace = Namespace()
        self.namespace.add_tap("tap0", f"{_GUEST[:-1]}1/24")
        self._guest = build_guest(find_program("net").request("hvt", folder / "net.hvt"))
        self._runs = 0

    def start(self, pings: int, *, recorded: bool) -> LiveRun:
        """A guest that ends after so many pings."""
        self._runs += 1
        guest = self._folder / f"{self._runs}.hvt"
        guest.symlink_to(self._guest)
        recorder = () if recorded else (sys.executable, "-c", UNRECORDED)
        arguments = ["--solo5:quiet", "limit", str(pings)]
        run = LiveRun(self.namespace, guest, {"service0": "tap0"}, arguments, recorder=recorder)
        run.wait_for("MTU is")
        return run

    def round_trips_us(self, *, recorded: bool) -> list[float]:
        """The times of pings that follow each other."""
        with self.start(ROUND_TRIPS, recorded=recorded) as run:
            report = self._ping("-A", "-c", str(ROUND_TRIPS))
            run.finish()
        return [1000 * float(ms) for ms in re.findall(r"time=([\d.]+) ms", report)]

    def flood(self, pings: int, *, recorded: bool) -> tuple[int, Finished, Path]:
        """How many pings of a flood were lost, and the run."""
        with self.start(pings, recorded=recorded) as run:
            report = self._ping("-f", "-q", "-c", str(pings))
            received = re.search(r"(\d+) received", report)
            assert received, report
            lost = pings - int(received[1])
            # What was lost is still missing in the guest's count.
            finished = run.stop() if lost else run.finish(_MINUTES_S)
        return lost, finished, run.trace

    def _ping(self, *arguments: str) -> str:
        return self.namespace.command(["ping", *arguments, _GUEST], timeout_s=_MINUTES_S)


def compare_round_trips(bench: Bench) -> None:
    """Medians of both kinds, in turns: a busy host is busy for both, so their ratio counts.

    Other work on the host only ever adds, and not to both alike: so the quietest quarter of the
    turns says more than all of them.
    """
    medians: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TURNS):
        for recorded in (bool(turn % 2), not turn % 2):
            medians[recorded].append(statistics.median(bench.round_trips_us(recorded=recorded)))
    bare, recorded_ = medians[False], medians[True]
    ratios = [after / before for before, after in zip(bare, recorded_, strict=True)]
    quiet_bare_us, quiet_us = (statistics.quantiles(kind, n=4)[0] for kind in (bare, recorded_))
    print(
        f"median round trip: {statistics.median(bare):.0f} µs not recorded, "
        f"{statistics.median(recorded_):.0f} µs recorded; in pairs "
        f"{statistics.median(ratios) - 1:+.1%}, from {min(ratios) - 1:+.1%} to "
        f"{max(ratios) - 1:+.1%}; in the quietest turns {quiet_bare_us:.1f} and {quiet_us:.1f} µs, "
        f"{quiet_us / quiet_bare_us - 1:+.1%} (at most {ADDED_TO_ROUND_TRIP_MAX:+.0%} wanted)"
    )


def flood_both(bench: Bench, pings: int) -> None:
    """Losses and times of both kinds, the size of the trace, and the replay."""
    _, _, nothing = bench.flood(1, recorded=True)
    lost_bare, bare, _ = bench.flood(pings, recorded=False)
    lost, recorded, trace = bench.flood(pings, recorded=True)
    print(f"not recorded: {lost_bare} of {pings} lost, {bare.seconds:.1f} s")
    print(f"recorded: {lost} of {pings} lost, {recorded.seconds:.1f} s")
    size = trace.stat().st_size
    each = (size - nothing.stat().st_size) / (pings - 1)
    print(
        f"trace: {size} bytes, {each:.1f} for each ping of {FRAME_BYTES} bytes "
        f"(at most {TRACE_BYTES_MAX:.0f} wanted)"
    )
    nowhere = Namespace()
    replayed = replay(trace, nowhere, timeout_s=_MINUTES_S)
    nowhere.close()
    print(
        f"replayed: status {replayed.status}, {replayed.seconds:.1f} s: {replayed.stdout.strip()}"
    )


def main() -> None:
    """Measure and print."""
    reason = why_unavailable()
    if reason:
        sys.exit(f"flood: {reason}")
    pings = int(sys.argv[1]) if len(sys.argv) > 1 else PINGS
    with tempfile.TemporaryDirectory(prefix="solo5-flood-") as folder:
        bench = Bench(Path(folder))
        try:
            compare_round_trips(bench)
            flood_both(bench, pings)
        finally:
            bench.namespace.close()


if __name__ == "__main__":
    main()
