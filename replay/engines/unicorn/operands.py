"""What Unicorn's engine uses of ``replay.engines.operands``."""

from __future__ import annotations

from replay.engines.operands import memory_operand, misses_stack

__all__ = ("memory_operand", "misses_stack")
