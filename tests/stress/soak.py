"""Five million events: the memory of recorder and replay stays flat, and below its limit.

The clocks program reads the wall clock N times. The recorder and then the replay run as the real
programs while their memory is looked at from outside: shared memory is the guest's own, all else
that is resident, libraries included, is theirs.

    python tests/stress/soak.py [--events N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program

LIMIT_MIB = 100.0
GROWTH_MIB = 8.0
"""From the first fifth of a run to its end: room for the index and for the allocator."""

_LOOKS = 20
_POLL_S = 0.05


@dataclass(slots=True)
class Memory:
    """A program's memory over its run: (seconds, own MiB, guest's MiB)."""

    name: str
    samples: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def peak_mib(self) -> float:
        """The most that was its own."""
        return max(own for _, own, _ in self.samples)

    @property
    def growth_mib(self) -> float:
        """How much more was its own in the end than after a fifth of its run."""
        end_s = self.samples[-1][0]
        early = [own for at_s, own, _ in self.samples if at_s >= end_s / 5]
        return self.peak_mib - early[0]

    def show(self) -> None:
        """Print it at intervals."""
        step = max(1, len(self.samples) // _LOOKS)
        print(f"{self.name}:  seconds  own MiB  guest's MiB")
        for at_s, own, guests in [*self.samples[::step], self.samples[-1]]:
            print(f"{'':{len(self.name)}}  {at_s:8.1f}  {own:7.1f}  {guests:11.1f}")


def watched(name: str, words: list[str], directory: Path) -> Memory:
    """Run a program to its end; raises RuntimeError when it fails."""
    command = [str(Path(sys.executable).with_name(name)), *words]
    memory = Memory(name)
    started_s = time.monotonic()
    output_file = directory / "output.txt"
    with output_file.open("wb") as output:
        child = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)
        while child.poll() is None:
            status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
            if "RssAnon" in status:
                own = _mib(status, "RssAnon") + _mib(status, "RssFile")
                guests = _mib(status, "RssShmem")
                memory.samples.append((time.monotonic() - started_s, own, guests))
            time.sleep(_POLL_S)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}: {output_file.read_text()}")
    return memory


def _mib(status: str, key: str) -> float:
    line = next(line for line in status.splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) / 1024


def main() -> int:
    """Print the figures; status 1 when memory grows or is beyond the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="solo5-soak-") as name:
        directory = Path(name)
        guest = build_guest(find_program("clocks").request("hvt", directory / "clocks.hvt"))
        trace = directory / "soak.mp"
        record_words = ["-q", "-o", str(trace), str(guest), "wall", str(events)]
        runs = [
            watched("solo5-record", record_words, directory),
            watched("solo5-replay", ["--check", str(trace)], directory),
        ]
        print((directory / "output.txt").read_text().strip())
        size = trace.stat().st_size
    print(f"{events} clock calls, trace of {size / 2**20:.1f} MiB, {size / events:.2f} bytes each")
    good = True
    for memory in runs:
        memory.show()
        fine = memory.peak_mib < LIMIT_MIB and memory.growth_mib < GROWTH_MIB
        good = good and fine
        print(
            f"{memory.name}: peak {memory.peak_mib:.1f} MiB beyond the guest's memory (limit "
            f"{LIMIT_MIB:g}), growth {memory.growth_mib:.1f} MiB (limit {GROWTH_MIB:g}): "
            f"{'good' if fine else 'FAILURE'}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
