"""The options of solo5-record for runs that nobody watches."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

VALUED_ATTEMPT_OPTIONS = ("--keep", "--until-failure", "--timeout", "--status-json")
"""Those that may have their value in a word of its own."""

_RUNS_MAX = 1_000_000
_LONGEST_S = 1e9


@dataclass(frozen=True, slots=True)
class AttemptOptions:
    """``runs`` is how often at most the guest is run until it fails (None: once, whatever comes of
    it), ``timeout_s`` how long each may take."""

    keep_good: bool = True
    runs: int | None = None
    timeout_s: float | None = None
    status_file: Path | None = None
    self_check: bool = False

    @property
    def judged(self) -> bool:
        """Whether there is something to be done behind a run."""
        report = self.status_file is not None or self.self_check
        return report or not self.keep_good or self.runs is not None


def add_attempt_options(parser: argparse.ArgumentParser) -> None:
    """A group of its own. A run has failed when its exit status is not 0."""
    add = parser.add_argument_group("in CI").add_argument
    add(
        "--keep",
        choices=("always", "on-failure"),
        help="on-failure: remove the traces of runs that ended well (with --until-failure)",
    )
    add("--until-failure", type=_runs, metavar="N", help="run until it fails, N times at most")
    add("--timeout", type=_seconds, metavar="S", help="stop the guest after S seconds: status 124")
    add("--status-json", type=_report, metavar="FILE", help="write what came of it")
    add("--self-check", action="store_true", help="replay a failure at once, and say the verdict")


def attempt_options(given: argparse.Namespace) -> AttemptOptions:
    """From a parsed command line; raises ValueError for what cannot be meant together."""
    repeated = given.until_failure is not None
    if (given.tui or given.gdb is not None) and (repeated or given.keep):
        raise ValueError("invalid options: --until-failure and --keep go without --gdb and --tui")
    if repeated and given.keep == "always" and given.output:
        raise ValueError("invalid options: --keep always with --until-failure goes without -o")
    keep = given.keep or ("on-failure" if repeated else "always")
    return AttemptOptions(
        keep_good=keep == "always",
        runs=given.until_failure,
        timeout_s=given.timeout,
        status_file=given.status_json,
        self_check=given.self_check,
    )


def _runs(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= _RUNS_MAX:
        raise argparse.ArgumentTypeError(f"not a number of runs: {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text!r}")
    return value


def _report(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, or in one that is not there")
    return path
