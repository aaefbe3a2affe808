"""The options of ``solo5-replay --check`` that concern many traces and the CI service around it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_JOBS_MAX = 1024
SERVICES = ("GITHUB_ACTIONS", "GITLAB_CI")
"""Variables that CI services set for their jobs."""


class Traces(argparse.Action):
    """All traces as ``traces``, and the first one as ``trace``."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        _option: str | None = None,
    ) -> None:
        """See argparse."""
        namespace.traces = list(values or ())
        namespace.trace = namespace.traces[0] if namespace.traces else None


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """A group of its own."""
    add = parser.add_argument_group("with --check").add_argument
    add("-j", "--jobs", type=_jobs, metavar="N", help="so many at a time (one for each processor)")
    add("--json", action="store_true", help="one JSON object a line instead of text")
    add("--junit", type=_report, metavar="FILE", help="write a JUnit report, too")
    add(
        "--rebuild-ok",
        action="store_true",
        help="with --guest: a guest that was built anew needs to make the recorded calls only",
    )


def check_sense_of_check(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Options that cannot be meant together; exits as argparse does."""
    many = len(given.traces) > 1 or any(map(os.path.isdir, given.traces))
    if not given.check:
        if given.jobs or given.json or given.junit or given.rebuild_ok:
            parser.error("--jobs, --json, --junit and --rebuild-ok want --check, too")
        if many:
            parser.error("several traces want --check, too")
    if given.rebuild_ok and not given.guest:
        parser.error("--rebuild-ok wants --guest, too: the guest that was built anew")
    if (given.until or given.core) and (_wants_report(given) or many):
        parser.error("--until and --core are for one trace, and without reports")


def is_for_many(given: argparse.Namespace) -> bool:
    """Whether each trace is to be checked in a process of its own, for a report."""
    if not given.check or given.until or given.core:
        return False
    many = len(given.traces) > 1 or any(map(os.path.isdir, given.traces))
    return many or _wants_report(given) or any(map(os.environ.get, SERVICES))


def _wants_report(given: argparse.Namespace) -> bool:
    return bool(given.jobs or given.json or given.junit or given.rebuild_ok)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= _JOBS_MAX:
        raise argparse.ArgumentTypeError(f"not a number of jobs: {text!r}")
    return int(text)


def _report(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, or in one that is not there")
    return path
