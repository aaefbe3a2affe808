"""Which instruction wrote where KVM has no memory for it.

KVM performs such a write itself and reports it when the instruction is over, with the guest behind
it. What stands before is found by decoding backwards: the one instruction that ends there and whose
operand is the place written.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.engines.operands import memory_operand
from replay.engines.sites import LONGEST_INSTRUCTION, decode

Fetch = Callable[[int, int], bytes]
Translate = Callable[[int], int | None]


def writer_before(
    rip: int, gpa: int, fetch: Fetch, register: Callable[[str], int], translate: Translate
) -> int:
    """The address of the instruction that ends at ``rip`` and wrote to ``gpa``; ``rip`` itself
    where none is found. The longest one wins: without its prefixes it is an instruction, too."""
    for length in range(LONGEST_INSTRUCTION, 0, -1):
        start = rip - length
        code = fetch(start, length)
        decoded = decode(code, start, 1)
        if not decoded or decoded[0][1] != length:
            continue
        place = memory_operand(code, start, register)
        if place is not None and translate(place) == gpa:
            return start
    return rip
