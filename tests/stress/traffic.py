"""A recording under traffic that does not stop: its memory and descriptors must not grow; no test.

    python tests/stress/traffic.py [MINUTES]

In a network namespace of its own, as root: a flood of pings against a guest that is being recorded,
with the recorder's size at intervals; then the replay without a network.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program
from tests.net.liverun import LiveRun, replay
from tests.net.namespace import Namespace, why_unavailable

MINUTES = 10.0
SAMPLES = 20
GROWTH_KIB_MAX = 4096
_GUEST_ADDRESS, _HOST_ADDRESS = "10.0.0.2", "10.0.0.1/24"


def main() -> None:
    """Flood, watch, replay, judge."""
    reason = why_unavailable()
    if reason:
        sys.exit(f"traffic: {reason}")
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    namespace, nowhere = Namespace(), Namespace()
    namespace.add_tap("tap0", _HOST_ADDRESS)
    try:
        with tempfile.TemporaryDirectory(prefix="solo5-traffic-") as folder:
            guest = build_guest(find_program("net").request("hvt", Path(folder) / "net.hvt"))
            with LiveRun(namespace, guest, {"service0": "tap0"}, ["--solo5:quiet"]) as run:
                run.wait_for("MTU is")
                flat = watch_flood(namespace, run, minutes * 60)
                recorded = run.stop()
            replayed = replay(run.trace, nowhere, timeout_s=minutes * 120)
            size_mib = run.trace.stat().st_size / (1 << 20)
            print(f"recorded {recorded.seconds:.0f} s into {size_mib:.1f} MiB")
            print(f"replayed in {replayed.seconds:.0f} s: {replayed.stdout.strip()}")
    finally:
        namespace.close()
        nowhere.close()
    # The operator stopped it, so the faithful replay ends where the trace does: status 5.
    if not flat or "faithful" not in replayed.stdout:
        sys.exit("traffic: FAILED")
    print("traffic: memory and descriptors are flat, the replay is faithful")


def watch_flood(namespace: Namespace, run: LiveRun, seconds: float) -> bool:
    """Ping without pause; whether the second half of the time added neither memory nor files."""
    flood = namespace.run(
        subprocess.Popen,
        ["ping", "-f", "-q", "-w", str(max(1, round(seconds))), _GUEST_ADDRESS],
        stdout=subprocess.PIPE,
        text=True,
    )
    samples: list[tuple[int, int]] = []
    for number in itertools.count(1):
        try:
            report, _ = flood.communicate(timeout=seconds / SAMPLES)
        except subprocess.TimeoutExpired:
            samples.append((run.memory_kib(), run.descriptors()))
            at_s = number * seconds / SAMPLES
            print(f"{at_s:6.0f} s  {samples[-1][0]:8} KiB  {samples[-1][1]} descriptors")
        else:
            print(report.strip().splitlines()[-2])
            break
    settled, last = samples[len(samples) // 2], samples[-1]
    return last[0] - settled[0] <= GROWTH_KIB_MAX and last[1] <= settled[1]


if __name__ == "__main__":
    started_s = time.monotonic()
    main()
    print(f"{time.monotonic() - started_s:.0f} s in all")
