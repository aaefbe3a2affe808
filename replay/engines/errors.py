"""What engines raise. A guest's own faults are exits, never exceptions."""

from __future__ import annotations

from collections.abc import Sequence


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


class CannotGoOn(EngineError):
    """The host's processor or kernel cannot execute the guest's next instruction; its state is
    whole, and an engine of another kind can go on from it."""

    def __init__(self, engine: str, rip: int, why: str) -> None:
        self.engine = engine
        self.rip = rip
        self.why = why
        super().__init__(f"engine {engine} cannot go on at {rip:#x}: {why}; --engine unicorn can")


class EngineFailure(EngineError):
    """The engine itself failed in a way that no guest should be able to cause."""


class NoDebugRegister(EngineError):
    """More is to be watched than the processor has debug registers for, which is ``registers``.

    ``watchpoints`` counts those of memory; ``breakpoints`` are addresses that need one each.
    """

    def __init__(self, registers: int, watchpoints: int, breakpoints: Sequence[int]) -> None:
        self.registers = registers
        self.watchpoints = watchpoints
        self.breakpoints = tuple(breakpoints)
        places = ", ".join(f"{at:#x}" for at in breakpoints)
        at = f" and the breakpoints at {places}, which need one each" if places else ""
        super().__init__(
            f"the processor has {registers} debug registers for this, too few for {watchpoints} "
            f"watchpoint(s){at}; remove some of them"
        )
