"""The thread that owns the timeline: journeys are given to it, and moments come back.

One job at a time is done, in the order of asking. Whoever asks gets a future; whoever cancels
interrupts the job under way and takes back those that wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer

T = TypeVar("T")
Job = Callable[[Explorer], T]
Opener = Callable[[Callable[[Position], object]], Explorer]
"""Opens the recording; is given what to tell of the progress of long journeys."""


class Navigator:
    """The thread, from the moment that it is made until ``close``."""

    def __init__(self, open_explorer: Opener) -> None:
        self._jobs: SimpleQueue[tuple[Job[Any], Future[Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()
        self._running = False
        self._closing = False
        self._explorer: Explorer | None = None
        self.opened: Future[Explorer] = Future()
        """Done when the guest has booted, or with why it could not."""
        self.reached: Position | None = None
        """How far the journey under way has come, if it is a long one."""
        self._thread = threading.Thread(
            target=self._run, args=(open_explorer,), name="navigator", daemon=True
        )
        self._thread.start()

    def submit(self, job: Job[T]) -> Future[T]:
        """Have ``job`` done in the thread; its result or exception is the future's."""
        future: Future[T] = Future()
        with self._lock:
            if self._closing:
                future.cancel()
                return future
            self._waiting.add(future)
        self._jobs.put((job, future))
        return future

    @property
    def busy(self) -> bool:
        """Whether something is being done or waits."""
        with self._lock:
            return self._running or bool(self._waiting)

    @property
    def awaited(self) -> bool:
        """Whether something waits behind what is being done; from any thread."""
        with self._lock:
            return bool(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether it takes no jobs any more."""
        return self._closing

    def cancel(self) -> None:
        """Interrupt the job under way and drop those that wait; from any thread."""
        with self._lock:
            for future in self._waiting:
                future.cancel()
        self.interrupt()

    def interrupt(self) -> None:
        """Interrupt the job under way, and do what waits; from any thread."""
        with self._lock:
            explorer = self._explorer if self._running else None
        if explorer is not None:
            explorer.timeline.interrupt()

    def close(self) -> None:
        """End the thread and give the timeline back."""
        with self._lock:
            self._closing = True
        self.cancel()
        self._jobs.put(None)
        self._thread.join()

    # ---- the thread

    def _run(self, open_explorer: Opener) -> None:
        try:
            self._explorer = explorer = open_explorer(self._progress)
        except BaseException as error:
            self.opened.set_exception(error)
            self._refuse_all(error)
            return
        self.opened.set_result(explorer)
        try:
            while (item := self._jobs.get()) is not None:
                self._do(*item)
        finally:
            explorer.timeline.close()

    def _do(self, job: Job[Any], future: Future[Any]) -> None:
        with self._lock:
            self._waiting.discard(future)
            if not future.set_running_or_notify_cancel():
                return
            self._running = True
        assert self._explorer is not None
        try:
            result = job(self._explorer)
        except BaseException as error:  # whatever it is, it is for whoever has asked
            self._end_job()
            future.set_exception(error)
        else:
            self._end_job()
            future.set_result(result)

    def _end_job(self) -> None:
        with self._lock:
            self._running = False
            self.reached = None

    def _refuse_all(self, error: BaseException) -> None:
        while (item := self._jobs.get()) is not None:
            _, future = item
            with self._lock:
                self._waiting.discard(future)
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _progress(self, position: Position) -> None:
        self.reached = position
