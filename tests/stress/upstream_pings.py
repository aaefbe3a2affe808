"""The network cases of Solo5's own suite (v0.12) with all their pings; not part of the test suite.

    python tests/stress/upstream_pings.py [SHARE]

As root. SHARE divides the numbers of pings (default 1). Each case records a guest that answers
`ping -f`, then replays it where there is no network; a line of figures for each, and exit status 1
when a case is not as upstream expects it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program
from tests.net.liverun import Finished, LiveRun, replay
from tests.net.namespace import Namespace, why_unavailable

LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class Link:
    """An interface of the host and what is pinged through it, if anything."""

    device: str
    tap: str
    address: str = ""
    guest: str = ""
    mtu: int = 1500


@dataclass(frozen=True, slots=True)
class PingCase:
    """A row of upstream's table; ``pings`` go through each link that has a guest's address."""

    name: str
    program: str
    links: tuple[Link, ...]
    pings: int = 0
    arguments: tuple[str, ...] = ()
    pattern: str = ""
    words: str = "SUCCESS"
    target: str = "hvt"

    def __str__(self) -> str:
        return f"{self.target} {self.name}"

    def with_share(self, share: int) -> PingCase:
        """The case with only so large a part of its pings."""
        return replace(self, pings=self.pings // share)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case; ``lost`` are the pings that nobody answered."""

    recorded: Finished
    replayed: Finished
    lost: int
    trace_bytes: int


FIRST = Link("service0", "tap100", "10.0.0.1/24", "10.0.0.2")
SECOND = Link("service1", "tap101", "10.1.0.1/24", "10.1.0.2")
JUMBO = Link("service0", "tap102", mtu=9000)
OF_HVT = (
    PingCase("net", "net", (FIRST,), 100_000),
    PingCase("net_2if", "net2if", (FIRST, SECOND), 50_000),
    PingCase("net_mtu", "netmtu", (JUMBO,), words="MTU is 9000"),
    PingCase("net_ring", "net", (FIRST,), 10_000, ("pattern",), "deadbeef"),
)
CASES = (*OF_HVT, *(replace(case, target="spt") for case in OF_HVT))
MEMORY = {"hvt": "--mem=4096", "spt": "--mem=2"}


def run_case(namespace: Namespace, case: PingCase, folder: Path) -> Outcome:
    """Record and replay one case in an empty namespace."""
    image = folder / f"{case.program}.{case.target}"
    guest = build_guest(find_program(case.program).request(case.target, image))
    for link in case.links:
        namespace.add_tap(link.tap, link.address, link.mtu)
    pinged = [link for link in case.links if link.guest]
    limit = ("limit", str(case.pings * len(pinged))) if pinged else ()
    taps = {link.device: link.tap for link in case.links}
    recorder = (str(Path(sys.executable).with_name("solo5-record")), MEMORY[case.target])
    with LiveRun(namespace, guest, taps, (*case.arguments, *limit), recorder=recorder) as run:
        run.wait_for("MTU is")
        lost = _flood(namespace, case, pinged)
        recorded = run.finish(LIMIT_S)
    nowhere = Namespace()
    try:
        replayed = replay(run.trace, nowhere, LIMIT_S)
    finally:
        nowhere.close()
    return Outcome(recorded, replayed, lost, run.trace.stat().st_size)


def _flood(namespace: Namespace, case: PingCase, links: list[Link]) -> int:
    """Ping through all links at once; how many pings were lost."""
    pattern = ("-p", case.pattern) if case.pattern else ()
    argv = ["ping", "-f", "-q", "-c", str(case.pings), *pattern]
    floods = [
        namespace.run(subprocess.Popen, [*argv, link.guest], stdout=subprocess.PIPE, text=True)
        for link in links
    ]
    reports = [flood.communicate(timeout=LIMIT_S)[0] for flood in floods]
    return sum(case.pings - _received(report) for report in reports)


def _received(report: str) -> int:
    found = re.search(r"(\d+) received", report)
    return int(found[1]) if found else 0


def _is_as_expected(case: PingCase, outcome: Outcome) -> bool:
    console, verdict = outcome.recorded.stdout, outcome.replayed
    good = outcome.recorded.status == 0 and "SUCCESS" in console and case.words in console
    return good and not outcome.lost and verdict.status == 0 and "faithful" in verdict.stdout


def main() -> int:
    """All cases, one after the other."""
    share = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    if reason := why_unavailable():
        print(f"cannot run here: {reason}")
        return 1
    failed = 0
    for case in (case.with_share(share) for case in CASES):
        namespace = Namespace()
        try:
            with tempfile.TemporaryDirectory() as folder:
                outcome = run_case(namespace, case, Path(folder))
        finally:
            namespace.close()
        good = _is_as_expected(case, outcome)
        failed += not good
        print(
            f"{case}: {'as expected' if good else 'NOT as expected'}; {case.pings} pings a "
            f"link, {outcome.lost} lost, recorded in {outcome.recorded.seconds:.1f} s, replayed "
            f"in {outcome.replayed.seconds:.1f} s, {outcome.trace_bytes} bytes of trace",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
