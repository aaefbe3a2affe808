"""Debugging a guest while it is recorded: ``solo5-record --gdb``."""

from __future__ import annotations

import contextlib
import select
import signal
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from replay.cli.messages import say
from replay.machine.ending import Ending, Stopped
from replay.machine.interpose import Interposer
from replay.machine.ports import Source

if TYPE_CHECKING:
    from replay.gdbstub.live import LiveTarget
    from replay.gdbstub.server import Server
    from replay.gdbstub.waker import Waker

_PROGRAM = "solo5-record"

Drive = Callable[[Interposer], Ending]


class LiveDebugging:
    """What a recording needs for a debugger; without one, all is as it would be."""

    def __init__(self, where: str | None, stop_fd: int) -> None:
        """``where`` is None for no debugger, empty for a gdb that is started, or a port or path;
        ``stop_fd`` becomes readable when the operator asks to stop."""
        self._where = where
        self._stop_fd = stop_fd
        self._waker: Waker | None = None
        if where is not None:
            from replay.gdbstub.waker import Waker

            self._waker = Waker(stop_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._waker is not None:
            self._waker.close()

    @property
    def stop_fd(self) -> int:
        """For devices that wait."""
        return self._stop_fd if self._waker is None else self._waker.fd

    def source(self, live: Source) -> Source:
        """The source to be recorded."""
        if self._waker is None:
            return live
        from replay.gdbstub.waker import KeepsDevices

        return KeepsDevices(live)

    def drive(self, interposer: Interposer) -> Ending:
        """Let the guest run, under the debugger as long as that is there.

        Raises what ``Interposer.run`` raises, and CannotServe.
        """
        if self._waker is None or self._where is None:
            return interposer.run()
        from replay.gdbstub.live import LiveTarget

        target = LiveTarget(interposer, self._waker, lambda text: say(_PROGRAM, text))
        asked = self._serve(target, self._where)
        if target.failure is not None:
            raise target.failure
        if target.ending is not None:
            return target.ending
        if target.killed:
            asked = signal.SIGTERM
        if asked is not None:
            signal.raise_signal(asked)  # which whoever watches the recording notices
            return Stopped()
        return target.go_on_alone()

    def _serve(self, target: LiveTarget, where: str) -> signal.Signals | None:
        """Until the debugger has left; the signal by which the operator wants the guest to stop."""
        from replay.cli.gdb import listening, run_gdb
        from replay.cli.signals import on_signals

        asked: list[signal.Signals] = []
        servers: list[Server] = []

        def stop(number: int) -> None:
            asked.append(signal.Signals(number))
            for server in servers:
                server.stop()

        with contextlib.ExitStack() as stack:
            if where:  # from before the server is announced: nobody else would stop it
                stack.enter_context(on_signals(stop))
            server = stack.enter_context(listening(target, where, _PROGRAM))
            servers.append(server)
            if not where:
                run_gdb(server)
            elif not asked and not select.select((self._stop_fd,), (), (), 0)[0]:
                server.serve(once=True)
        return asked[0] if asked else None
