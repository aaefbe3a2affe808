"""What the guest's process may ask of the kernel, as a program for its filter.

The default is a signal, which stops the process before the system call has any effect. Rules allow
single calls from single places. Layouts: Linux, linux/seccomp.h and linux/filter.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _POINTER_AT, _ARGUMENTS_AT = 0, 4, 8, 16  # struct seccomp_data
_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
_ALLOW, _ASK, _TRAP = 0x7FFF_0000, 0x7FF0_0000, 0x0003_0000  # SECCOMP_RET_ALLOW, _TRACE, _TRAP
_INSTRUCTION = struct.Struct("<HBBI")  # struct sock_filter
INSTRUCTIONS_MAX = 4096
_JUMP_MAX = 255
_NEXT, _FAIL = -1, -2  # jump targets that are not known yet

Range = tuple[int, int]
"""The lowest and the highest of 64-bit values, both included."""


@dataclass(frozen=True, slots=True)
class Rule:
    """System call ``number`` is allowed where the address behind the instruction is within
    ``callers`` and every argument named by its index is within its range. With ``asks`` it stops
    the process first, and the tracer decides."""

    number: int
    callers: Range
    arguments: Mapping[int, Range] = field(default_factory=dict)
    asks: bool = False


_Step = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
_Check = tuple[int, Range]  # offset of a 64-bit field, accepted values


def assemble(rules: Sequence[Rule]) -> bytes:
    """The filter program that allows what ``rules`` name and traps all else.

    Raises ValueError when it would be longer than the kernel takes.
    """
    program: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, _X86_64),
        (_RETURN, 0, 0, _TRAP),
    ]
    for rule in rules:
        program += _block(rule)
    program.append((_RETURN, 0, 0, _TRAP))
    if len(program) > INSTRUCTIONS_MAX:
        raise ValueError(f"a filter of {len(program)} instructions; at most {INSTRUCTIONS_MAX}")
    return b"".join(_INSTRUCTION.pack(*step) for step in program)


def _block(rule: Rule) -> list[_Step]:
    """Falls through to the next block unless the rule applies."""
    checks: list[_Check] = [(_POINTER_AT, rule.callers)]
    checks += [(_ARGUMENTS_AT + 8 * index, rule.arguments[index]) for index in rule.arguments]
    parts = [_within(offset, accepted) for offset, accepted in checks]
    behind = sum(map(len, parts)) + 1
    body: list[_Step] = [(_LOAD, 0, 0, _NUMBER_AT), (_JUMP_EQUAL, 0, behind, rule.number)]
    for part in parts:
        behind -= len(part)
        body += [_leave(step, at, len(part), behind) for at, step in enumerate(part)]
    if len(body) > _JUMP_MAX:
        raise ValueError("a rule with too many arguments")
    return [*body, (_RETURN, 0, 0, _ASK if rule.asks else _ALLOW)]


def _leave(step: _Step, at: int, length: int, behind: int) -> _Step:
    """Replace the symbolic targets of a jump: the next part, or past the whole rule."""
    code, true, false, constant = step
    rest = length - at - 1
    targets = {_NEXT: rest, _FAIL: rest + behind}
    return code, targets.get(true, true), targets.get(false, false), constant


def _within(offset: int, accepted: Range) -> list[_Step]:
    """Whether a 64-bit field lies in a range; the machine compares 32 bits at a time."""
    (low_high, low_low), (high_high, high_low) = (divmod(value, 1 << 32) for value in accepted)
    return [
        (_LOAD, 0, 0, offset + 4),
        (_JUMP_GREATER, 3, 0, low_high),
        (_JUMP_EQUAL, 0, _FAIL, low_high),
        (_LOAD, 0, 0, offset),
        (_JUMP_AT_LEAST, 0, _FAIL, low_low),
        (_LOAD, 0, 0, offset + 4),
        (_JUMP_GREATER, _FAIL, 0, high_high),
        (_JUMP_EQUAL, 0, _NEXT, high_high),
        (_LOAD, 0, 0, offset),
        (_JUMP_GREATER, _FAIL, _NEXT, high_low),
    ]
