"""What the real gdb says of a program, for tests that compare."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_VERSION = re.compile(r"GNU gdb .*?(\d+)\.\d")


def gdb(program: Path, commands: Sequence[str], *, only: int | None = None) -> str:
    """What gdb prints for the commands; the test is skipped without it, or (``only``) where it is
    of another version, as they differ in which of several places they choose."""
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed: apt-get install gdb")
    script = program.with_suffix(".gdb")
    settings = ["set pagination off", "set confirm off", "set debuginfod enabled off"]
    script.write_text("\n".join([*settings, "show version", *commands]) + "\n")
    said = subprocess.run(
        ["gdb", "-nx", "-batch", "-x", script, program],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    version = _VERSION.search(said.stdout)
    assert version is not None
    if only is not None and int(version[1]) != only:
        pytest.skip(f"gdb {version[1]} is not the version compared with, {only}")
    return said.stdout
