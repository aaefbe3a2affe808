"""A thread that writes out what has waited long enough while the guest computes on."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Flusher:
    """Calls ``flush_due`` when something is pending and its time has come, otherwise sleeps.

    ``flush_due`` writes what is due and returns the seconds until the rest will be, or None when
    nothing is pending.
    """

    def __init__(self, flush_due: Callable[[], float | None]) -> None:
        self._flush_due = flush_due
        self._pending = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trace-flusher", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Something has become pending."""
        self._pending.set()

    def stop(self) -> None:
        """End the thread and wait for it; what is pending stays so."""
        self._stopping.set()
        self._pending.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._pending.wait()
            if self._stopping.is_set():
                return
            self._pending.clear()
            wait_s = self._flush_due()
            while wait_s is not None and not self._stopping.wait(wait_s):
                wait_s = self._flush_due()
