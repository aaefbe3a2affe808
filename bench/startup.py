"""How long does it take to start, and what takes the time?"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from bench.child import measure, program
from bench.figures import Answer, Figure, Samples
from bench.guests import build_program

_VERSION_GOAL_S = 0.15
_HELLO_GOAL_S = 0.4
_IMPORT_TIME = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| *(\S+)")
_SHOWN = 10


def answer(directory: Path, *, quick: bool) -> Answer:
    """Wall time of whole programs, started one after another in turn."""
    guest = build_program("hello", directory)
    samples = _samples(guest, directory, 5 if quick else 21)
    python, version, first, hello, replay = (samples.median(name) for name in samples.values)
    figures = [
        Figure("python -c pass (baseline)", python, "s"),
        Figure(
            "solo5-record --version", version, "s", _VERSION_GOAL_S, f"{version / python:.1f} x"
        ),
        Figure("solo5-record hello.hvt, until the guest's first output", first, "s"),
        Figure(
            "solo5-record hello.hvt, in all", hello, "s", _HELLO_GOAL_S, f"{hello / python:.1f} x"
        ),
        Figure("solo5-replay hello.mp, in all", replay, "s", None, f"{replay / python:.1f} x"),
    ]
    note = "Wall time. " + "; ".join(samples.spread(name) for name in samples.values) + ".\n\n"
    return Answer(__doc__ or "", figures, note + _import_summary(guest, directory))


def _samples(guest: Path, directory: Path, rounds: int) -> Samples:
    samples = Samples()
    trace = directory / "hello.mp"
    for _ in range(rounds):
        trace.unlink(missing_ok=True)
        nothing = measure([sys.executable, "-c", "pass"], directory=directory)
        version = measure([program("solo5-record"), "--version"], directory=directory)
        record = measure(_record_command(guest, trace), directory=directory)
        replay = measure([program("solo5-replay"), str(trace)], directory=directory)
        samples.add("python", nothing.wall_s)
        samples.add("--version", version.wall_s)
        samples.add("first output", record.first_byte_s)
        samples.add("record", record.wall_s)
        samples.add("replay", replay.wall_s)
    return samples


def _record_command(guest: Path, trace: Path) -> list[str]:
    return [program("solo5-record"), "-q", "-o", str(trace), str(guest), "Hello_Solo5"]


def _import_summary(guest: Path, directory: Path) -> str:
    """Where importing goes, by package, from one run with `-X importtime`."""
    trace = directory / "imports.mp"
    command = [sys.executable, "-X", "importtime", *_record_command(guest, trace)]
    spent = measure(command, directory=directory)
    packages: Counter[str] = Counter()
    for own_us, _, name in _IMPORT_TIME.findall(spent.errors):
        packages[_package(name)] += int(own_us)
    total = sum(packages.values())
    rows = "\n".join(f"| {name} | {us / 1000:.1f} |" for name, us in packages.most_common(_SHOWN))
    return (
        f"Imports of `solo5-record hello.hvt` ({total / 1000:.0f} ms in one run, each "
        f"of them measured):\n\n| package | ms |\n|---|---:|\n{rows}"
    )


def _package(module: str) -> str:
    root = module.partition(".")[0]
    return "standard library" if root in sys.stdlib_module_names else root
