"""A progress bar over many traces, where standard error is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """A context manager; without a terminal, nothing is shown."""

    def __init__(self, total: int) -> None:
        self._bad = 0
        self._progress: Progress | None = _progress(total) if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, *, good: bool) -> None:
        """One more has its verdict."""
        self._bad += not good
        if self._progress is not None:
            bad = f"{self._bad} to look at" if self._bad else ""
            self._progress.update(self._progress.task_ids[0], advance=1, bad=bad)


def _progress(total: int) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    progress = Progress(
        TextColumn("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[bad]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        # Lines for people scroll above the bar; what goes to a file must go there.
        redirect_stdout=sys.stdout.isatty(),
    )
    progress.add_task("checking", total=total, bad="")
    return progress
