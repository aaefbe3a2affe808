"""What can go wrong while a guest is built; every message names the cause and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ToolchainError(Exception):
    """Base of every failure to turn sources into a guest."""


class BadRequest(ToolchainError):
    """The request itself cannot be met; nothing was compiled."""


class ToolMissing(ToolchainError):
    """A program of the host's toolchain is not installed."""

    def __init__(self, tool: str, package: str) -> None:
        self.tool = tool
        self.package = package
        super().__init__(
            f"{tool} was not found on this host; install it with "
            f"`sudo apt-get install {package}` (or your system's equivalent) and build again"
        )


class StepFailed(ToolchainError):
    """A program of the toolchain refused its input: `stderr` says why, `command` is what ran."""

    def __init__(self, command: Sequence[str], stderr: str, *, status: int) -> None:
        self.command = tuple(command)
        self.stderr = stderr
        self.status = status
        super().__init__(f"{Path(command[0]).name} failed with status {status}:\n{stderr.rstrip()}")
