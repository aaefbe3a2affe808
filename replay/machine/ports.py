"""What the machine asks of those around it: who answers calls, and who watches."""

from __future__ import annotations

from typing import Protocol

from monitors.calls import Call, Result


class Source(Protocol):
    """Answers calls: live devices, a recording, a trace, a script."""

    def answer(self, call: Call) -> Result:
        """The result of one call.

        Raises ``DeviceFailure`` when the host cannot answer, ``WaitInterrupted`` when a wait was
        cut short by the operator; a replaying source raises its own divergence errors.
        """
        ...


class Observer(Protocol):
    """Watches crossings; it may look at the machine and must not change it."""

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """Crossing ``index`` was answered and its result is in the guest."""
        ...
