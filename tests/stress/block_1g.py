"""A gibibyte through a block device while recording: memory, trace size, and the replay; no test.

    python tests/stress/block_1g.py [MIB]

Records a guest that writes a whole image of MIB mebibytes (default 1024) and reads it back twice,
then replays it without the image. Prints figures; exit status 1 when the recording is not
faithful, when memory grew with the image, or when reading again added data to the trace.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program

BLOCK_SIZE = 32768
CALLS_A_BLOCK = 3
EVENT_BYTES_MAX = 40
MEMORY_MIB_MAX = 100
"""A recorder with its libraries takes about 50 MiB, whatever the image."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process: its exit status, output, length and the most memory it had."""

    status: int
    output: str
    seconds: float
    memory_mib: int


def run(program: str, *words: str | Path) -> Run:
    """A program of ours to its end."""
    started_s = time.monotonic()
    process = subprocess.Popen(
        [Path(sys.executable).with_name(program), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, wait_status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    seconds = time.monotonic() - started_s
    return Run(process.returncode, output, seconds, _mebibytes(usage))


def _mebibytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss // 1024


def stress(folder: Path, size_mib: int) -> bool:
    """Record, replay, print; whether all is as it should be."""
    guest = build_guest(find_program("blkpass").request("hvt", folder / "blkpass.hvt"))
    image, trace = folder / "disk.img", folder / "run.mp"
    image.touch()
    os.truncate(image, size_mib << 20)
    recorded = run(
        "solo5-record",
        *("-q", "--mem=16", "-o", trace, f"--block:storage={image}"),
        *(f"--block-sector-size:storage={BLOCK_SIZE}", guest, "write", "read", "read"),
    )
    sums = re.findall(r"(?:read|write): sum (\w+)", recorded.output)
    image.unlink()
    replayed = run("solo5-replay", "--check", trace)
    calls = (size_mib << 20) // BLOCK_SIZE * CALLS_A_BLOCK
    trace_bytes = trace.stat().st_size
    print(f"{size_mib} MiB written and read twice in {calls} calls")
    print(f"recorded in {recorded.seconds:.1f} s with at most {recorded.memory_mib} MiB of memory")
    print(f"replayed in {replayed.seconds:.1f} s with at most {replayed.memory_mib} MiB of memory")
    print(
        f"trace: {trace_bytes} bytes, {trace_bytes / calls:.1f} a call; {replayed.output.strip()}"
    )
    return all(
        (
            recorded.status == 0,
            len(sums) == CALLS_A_BLOCK and len(set(sums)) == 1,
            replayed.status == 0,
            trace_bytes < calls * EVENT_BYTES_MAX + (1 << 20),
            max(recorded.memory_mib, replayed.memory_mib) < MEMORY_MIB_MAX,
        )
    )


def main() -> int:
    """The exit status."""
    size_mib = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with tempfile.TemporaryDirectory(prefix="solo5-stress-") as folder:
        good = stress(Path(folder), size_mib)
    print("as it should be" if good else "NOT as it should be")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
