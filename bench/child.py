"""Programs measured from outside: time, memory, and when they first say something."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spent:
    """What a finished program took: seconds, bytes, and its output.

    ``cpu_s`` is user and system time of all its threads; ``first_byte_s`` is the wall time until
    its first byte of standard output (0 where it had none).
    """

    wall_s: float
    cpu_s: float
    first_byte_s: float
    output: bytes
    errors: str


def program(name: str) -> str:
    """The path of one of the console programs of this environment."""
    return str(Path(sys.executable).with_name(name))


def bytecode_in(directory: Path) -> dict[str, str]:
    """An environment in which the bytecode of modules is kept below ``directory``."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(directory / "bytecode")}


def measure(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str] | None = None
) -> Spent:
    """Run ``command`` in ``directory``; raises RuntimeError when it does not end with status 0.

    Bytecode of Python modules is kept in ``directory``, as for an installed program, whatever the
    environment says.
    """
    error_file = directory / "stderr.txt"
    with error_file.open("wb") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **bytecode_in(directory), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert child.stdout is not None
        with child.stdout as pipe:
            first = os.read(pipe.fileno(), 1)
            first_byte_s = time.perf_counter() - started if first else 0.0
            output = first + pipe.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    text = error_file.read_text(errors="replace")
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {text[-2000:]}")
    return Spent(wall_s, usage.ru_utime + usage.ru_stime, first_byte_s, output, text)
