"""Verdicts told to the CI service around this process, which its environment shows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from replay.export.checked import Checked
from replay.export.ci_text import ANNOTATIONS_MAX, github_error, github_summary, gitlab_section

_SECTIONS_MAX = 50


def report_to_services(found: Sequence[Checked]) -> None:
    """To GitHub's annotations and job summary, or GitLab's log; nothing elsewhere. Raises OSError.

    They go to standard error: services read both streams, and programs standard output.
    """
    bad = [each for each in found if not each.good]
    if os.environ.get("GITHUB_ACTIONS"):
        for each in bad[:ANNOTATIONS_MAX]:
            print(github_error(each, _source_of(each)), file=sys.stderr)
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(github_summary(found))
    if os.environ.get("GITLAB_CI"):
        now_s = time.clock_gettime_ns(time.CLOCK_REALTIME) // 10**9
        for number, each in enumerate(bad[:_SECTIONS_MAX]):
            print("\n".join(gitlab_section(each, number, now_s)), file=sys.stderr)


def _source_of(checked: Checked) -> tuple[str, int] | None:
    """The innermost of the guest's places that is in a file of the repository."""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    for source in checked.sources:
        name, _, line = source.rpartition(":")
        if not line.isdecimal() or "\0" in name:
            continue
        path = (root / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return str(path.relative_to(root)), int(line)
    return None
