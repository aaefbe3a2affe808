"""The real programs as processes, called as people call a tender, on images and guests of a folder.

Whatever is recorded with them is replayed and checked with them, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program

CASE_LIMIT_S = 60
"""What a case of upstream's suite may take."""


@dataclass(frozen=True, slots=True)
class Done:
    """A process that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both outputs, in which upstream's suite looks for its words."""
        return self.stdout + self.stderr


def program(name: str) -> Path:
    """One of the installed programs."""
    return Path(sys.executable).with_name(name)


class Tender:
    """Runs the programs in ``folder``; guests of ``target`` are built into ``guests`` when they are
    needed."""

    def __init__(self, folder: Path, guests: Path, target: str = "hvt") -> None:
        self.target = target
        self.folder = folder
        self.trace = folder / "run.mp"
        self._guests = guests

    def guest(self, name: str) -> Path:
        """The image of a shipped program."""
        output = self._guests / f"{name}.{self.target}"
        if output.exists():
            return output
        return build_guest(find_program(name).request(self.target, output))

    def image(self, name: str, size_bytes: int) -> Path:
        """A file of zeros, sparse."""
        path = self.folder / name
        path.touch()
        os.truncate(path, size_bytes)
        return path

    def record(self, *words: str | Path) -> Done:
        """``solo5-record`` into ``trace``."""
        return self.run("solo5-record", "-o", self.trace, *words)

    def check(self) -> Done:
        """``solo5-replay --check`` of ``trace``."""
        return self.run("solo5-replay", "--check", self.trace)

    def run(self, name: str, *words: str | Path) -> Done:
        """One program to its end."""
        return self.command([program(name), *words])

    def command(self, argv: Sequence[str | Path]) -> Done:
        """Any command to its end."""
        done = subprocess.run(
            argv,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=CASE_LIMIT_S,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr)
