"""Keeping a guest's process and the thread that serves it on one processor."""

from __future__ import annotations

import contextlib
import os
import threading


class Pinning:
    """In force from its creation on, for the calling thread and the process ``pid``: a stop then
    costs a quarter. Nothing happens where there is one processor only."""

    def __init__(self, pid: int) -> None:
        self._thread = threading.get_native_id()
        self._before = os.sched_getaffinity(self._thread)
        if len(self._before) > 1:
            chosen = {sorted(self._before)[pid % len(self._before)]}
            os.sched_setaffinity(self._thread, chosen)
            os.sched_setaffinity(pid, chosen)

    def end(self) -> None:
        """Let the thread go where it could before, if it is still there."""
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self._thread, self._before)
