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
_PYTHON, _VERSION, _RECORD, _REPLAY, _FIRST = (
    "python -c pass",
    "solo5-record --version",
    "solo5-record hello.hvt",
    "solo5-replay hello.mp",
    "solo5-record hello.hvt, until the guest's first output",
)


def answer(directory: Path, *, quick: bool) -> Answer:
    """Whole programs, started one after another in turn."""
    guest = build_program("hello", directory)
    cpu, wall = _samples(guest, directory, 5 if quick else 21)
    python, version, hello, replay = (cpu.median(name) for name in cpu.values)
    figures = [
        Figure(f"{_PYTHON} (baseline)", python, "s", None, wall.spread(_PYTHON)),
        Figure(_VERSION, version, "s", _VERSION_GOAL_S, wall.spread(_VERSION)),
        Figure(_RECORD, hello, "s", _HELLO_GOAL_S, wall.spread(_RECORD)),
        Figure(_REPLAY, replay, "s", None, wall.spread(_REPLAY)),
        Figure(_FIRST, wall.median(_FIRST), "s (wall)", None, wall.spread(_FIRST)),
    ]
    note = (
        "Values are processor time, which is what these programs take on a machine with nothing "
        "else to do; wall times beside them are those of this machine with all that it did.\n\n"
    )
    return Answer(__doc__ or "", figures, note + _import_summary(guest, directory))


def _samples(guest: Path, directory: Path, rounds: int) -> tuple[Samples, Samples]:
    """Processor time and wall time of each program, in seconds."""
    cpu, wall = Samples(), Samples()
    trace = directory / "hello.mp"
    commands = {
        _PYTHON: [sys.executable, "-c", "pass"],
        _VERSION: [program("solo5-record"), "--version"],
        _RECORD: _record_command(guest, trace),
        _REPLAY: [program("solo5-replay"), str(trace)],
    }
    for _ in range(rounds):
        trace.unlink(missing_ok=True)
        for name, command in commands.items():
            spent = measure(command, directory=directory)
            cpu.add(name, spent.cpu_s)
            wall.add(name, spent.wall_s)
            if name == _RECORD:
                wall.add(_FIRST, spent.first_byte_s)
    return cpu, wall


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
