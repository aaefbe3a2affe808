"""Which machine, which versions: without them a figure means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("unicorn", "capstone", "msgpack", "zstandard", "google-crc32c")
_ROOT = Path(__file__).resolve().parents[1]


def description() -> list[str]:
    """The machine, its load, the versions and the day, a line each."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    system = platform.uname()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"processor: {_processor()}, {os.cpu_count()} visible",
        f"system: {system.system} {system.release} {system.machine}, load at the start {load}",
        f"Python {platform.python_version()}, {packages}",
        f"source: {_source()}, {time.strftime('%Y-%m-%d', time.gmtime())}",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _source() -> str:
    """The commit measured, marked when the tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
    return result.stdout.strip()
