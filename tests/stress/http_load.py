"""Load on the HTTP server guest, recorded and not recorded, on the same engine; no test.

    python tests/stress/http_load.py [ENGINE [TARGET [REQUESTS]]]

In a network namespace of its own, as root, with ApacheBench (`ab`, Debian's apache2-utils) as the
client: rounds with and without a recording in turns, whose throughputs are compared in pairs, and
then the replay of the last recording where there is no network. The client stays off the processor
that the guest is kept on, where there is another one.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program
from tests.net.liverun import LiveRun, replay
from tests.net.namespace import Namespace, why_unavailable
from tests.stress.unrecorded import UNRECORDED

ENGINE, TARGET, REQUESTS = "native", "hvt", 40_000
CONNECTIONS, TURNS = 16, 7
THROUGHPUT_MIN = 0.95
_PAGE_BYTES = 4000
_LIMIT_S = 600.0
_GUEST = "10.0.0.2"


@dataclass(frozen=True, slots=True)
class Load:
    """What the server is asked for, and where it runs."""

    engine: str
    target: str
    requests: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one run did under the load: requests a second by the client's report, microseconds of
    processor time of guest and monitor for each of them, and the trace, if one was made."""

    rate: float
    cpu_us: float
    trace: Path


class Bench:
    """One namespace and one guest, run again and again."""

    def __init__(self, folder: Path, load: Load) -> None:
        self._folder = folder
        self._load = load
        self.namespace = Namespace()
        self.namespace.add_tap("tap0", f"{_GUEST[:-1]}1/24")
        request = find_program("http").request(load.target, folder / f"http.{load.target}")
        self._guest = build_guest(request)
        self._runs = 0

    def round(self, *, recorded: bool) -> Round:
        """One run, from the guest's start to its end; only the load between them is measured."""
        self._runs += 1
        guest = self._folder / f"{self._runs}.{self._load.target}"
        guest.symlink_to(self._guest)
        program = "from replay.cli.record import main\nimport sys\nsys.exit(main(sys.argv[1:]))\n"
        code = program if recorded else UNRECORDED
        recorder = (sys.executable, "-c", code, "--engine", self._load.engine)
        with LiveRun(self.namespace, guest, {"service0": "tap0"}, recorder=recorder) as run:
            run.wait_for("10.0.0.2, mtu")
            before_s = run.processor_s()
            report = self._client_apart(run.guest_processors())
            spent_s = run.processor_s() - before_s
            run.stop()
        rate = float(_figure(r"Requests per second: +([\d.]+)", report))
        return Round(rate, spent_s / self._load.requests * 1e6, run.trace)

    def _client_apart(self, taken: frozenset[int]) -> str:
        """The client's report; it runs on the processors that are not ``taken``."""
        everywhere = os.sched_getaffinity(0)
        self.namespace.run(os.sched_setaffinity, 0, everywhere - taken or everywhere)
        try:
            return self._client()
        finally:
            self.namespace.run(os.sched_setaffinity, 0, everywhere)

    def _client(self) -> str:
        requests = str(self._load.requests)
        url = f"http://{_GUEST}/{_PAGE_BYTES}"
        command = ["ab", "-q", "-k", "-n", requests, "-c", str(CONNECTIONS), url]
        report = self.namespace.command(command, timeout_s=_LIMIT_S)
        assert _figure(r"Complete requests: +(\d+)", report) == requests, report
        assert _figure(r"Failed requests: +(\d+)", report) == "0", report
        return report


def _figure(pattern: str, report: str) -> str:
    found = re.search(pattern, report)
    assert found, report
    return found[1]


def compare(bench: Bench) -> Path:
    """Throughputs in turns, so that a busy host is busy for both kinds; the last trace."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    trace = Path()
    for turn in range(TURNS):
        for recorded in (True, False) if turn % 2 else (False, True):
            done = bench.round(recorded=recorded)
            rates[recorded].append(done.rate)
            trace = done.trace if recorded else trace
    ratios = [after / before for before, after in zip(rates[False], rates[True], strict=True)]
    bare, recorded_rate = (statistics.median(rates[kind]) for kind in (False, True))
    print(
        f"requests a second: {bare:.0f} not recorded, {recorded_rate:.0f} recorded; in pairs "
        f"{statistics.median(ratios):.3f} x, from {min(ratios):.3f} to {max(ratios):.3f} "
        f"(at least {THROUGHPUT_MIN} wanted)"
    )
    return trace


def check_replay(trace: Path) -> None:
    """The last recording again, with no network at all."""
    nowhere = Namespace()
    try:
        replayed = replay(trace, nowhere, timeout_s=_LIMIT_S)
    finally:
        nowhere.close()
    size = trace.stat().st_size
    print(f"replayed ({size} bytes of trace): status {replayed.status}, {replayed.seconds:.1f} s")


def main() -> None:
    """Measure and print."""
    reason = why_unavailable()
    if not reason and shutil.which("ab") is None:
        reason = "the client is missing: apt-get install apache2-utils"
    if reason:
        sys.exit(f"http_load: {reason}")
    words = [*sys.argv[1:], *(ENGINE, TARGET, str(REQUESTS))[len(sys.argv) - 1 :]]
    load = Load(words[0], words[1], int(words[2]))
    with tempfile.TemporaryDirectory(prefix="solo5-load-") as folder:
        bench = Bench(Path(folder), load)
        try:
            print(f"{load.target} on {load.engine}, {load.requests} requests a round")
            trace = compare(bench)
            check_replay(trace)
        finally:
            bench.namespace.close()


if __name__ == "__main__":
    main()
