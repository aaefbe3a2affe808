"""What engines raise. A guest's own faults are exits, never exceptions."""

from __future__ import annotations


class EngineError(Exception):
    """Root of this package's errors."""


class EngineUnavailable(EngineError):
    """This host cannot run the engine: ``reason``, and ``remedy`` to change that."""

    def __init__(self, engine: str, reason: str, remedy: str = "") -> None:
        self.engine = engine
        self.reason = reason
        self.remedy = remedy
        super().__init__(
            f"engine {engine} is not available: {reason}" + (f"; {remedy}" if remedy else "")
        )


class NotReproducible(EngineError):
    """The guest is about to execute an instruction whose result the engine cannot reproduce."""

    def __init__(self, rip: int, instruction: str, why: str, remedy: str) -> None:
        self.rip = rip
        self.instruction = instruction
        self.why = why
        self.remedy = remedy
        super().__init__(f"the guest executes `{instruction}` at {rip:#x}: {why}; {remedy}")


class EngineFailure(EngineError):
    """The engine itself failed in a way that no guest should be able to cause."""
