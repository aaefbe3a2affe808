"""gdb's bytecode for conditions, evaluated against a guest that stands still.

Source: "Debugging with GDB", appendix F. A condition that cannot be evaluated counts as true: its
user would rather stop once too often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay.gdbstub.errors import BadExpression
from replay.gdbstub.registers import REGISTERS, register_bytes
from replay.player.stops import View

_STEPS_MAX = 10_000
_STACK_MAX = 256
_BITS = 64
_MASK = (1 << _BITS) - 1
_END = 0x27
_Operation = Callable[["_Evaluation"], None]


def condition_holds(expression: bytes, view: View) -> bool:
    """Whether the value of ``expression`` is not zero, or there is none."""
    try:
        return bool(evaluate(expression, view))
    except BadExpression:
        return True


def evaluate(expression: bytes, view: View) -> int:
    """The 64 bits left on top of the stack; raises ``BadExpression``."""
    return _Evaluation(expression, view).run()


class _Evaluation:
    """One run of one expression."""

    def __init__(self, code: bytes, view: View) -> None:
        self._code = code
        self._view = view
        self._at = 0
        self._stack: list[int] = []

    def run(self) -> int:
        for _ in range(_STEPS_MAX):
            opcode = self.operand(1)
            if opcode == _END:
                return self.pop()
            operation = _OPERATIONS.get(opcode)
            if operation is None:
                raise BadExpression(f"unknown operation {opcode:#x}")
            operation(self)
        raise BadExpression(f"more than {_STEPS_MAX} steps")

    def operand(self, size: int) -> int:
        """The next bytes of the code, big-endian."""
        data = self._code[self._at : self._at + size]
        if len(data) < size:
            raise BadExpression("it has no end")
        self._at += size
        return int.from_bytes(data, "big")

    def push(self, value: int) -> None:
        if len(self._stack) == _STACK_MAX:
            raise BadExpression("its stack is full")
        self._stack.append(value & _MASK)

    def pop(self) -> int:
        if not self._stack:
            raise BadExpression("its stack is empty")
        return self._stack.pop()

    def pick(self, depth: int) -> None:
        if depth >= len(self._stack):
            raise BadExpression("its stack is empty")
        self.push(self._stack[-1 - depth])

    def jump(self, offset: int) -> None:
        self._at = offset

    def load(self, size: int) -> None:
        """Replace an address by the ``size`` bytes there, in the guest's byte order."""
        address = self.pop()
        data = self._view.read(address, size)
        if data is None:
            raise BadExpression(f"no memory at {address:#x}")
        self.push(int.from_bytes(data, "little"))

    def register(self, number: int) -> None:
        known = number < len(REGISTERS)
        data = register_bytes(REGISTERS[number], self._view.registers()) if known else None
        if data is None:
            raise BadExpression(f"no register {number}")
        self.push(int.from_bytes(data, "little"))


def _signed(value: int, bits: int = _BITS) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _binary(compute: Callable[[int, int], int]) -> _Operation:
    def operate(run: _Evaluation) -> None:
        right = run.pop()
        run.push(compute(run.pop(), right))

    return operate


def _signed_binary(compute: Callable[[int, int], int]) -> _Operation:
    return _binary(lambda left, right: compute(_signed(left), _signed(right)))


def _unary(compute: Callable[[int], int]) -> _Operation:
    return lambda run: run.push(compute(run.pop()))


def _quotient(left: int, right: int) -> int:
    """Rounded towards zero, as C has it."""
    if not right:
        raise BadExpression("it divides by zero")
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


def _remainder(left: int, right: int) -> int:
    return left - right * _quotient(left, right)


def _shift_left(left: int, right: int) -> int:
    return left << right if right < _BITS else 0


def _shift_right(left: int, right: int) -> int:
    return left >> min(right & _MASK, _BITS)


def _extend(run: _Evaluation) -> None:
    bits = run.operand(1)
    value = run.pop()
    run.push(_signed(value, bits) if 0 < bits < _BITS else value)


def _zero_extend(run: _Evaluation) -> None:
    bits = run.operand(1)
    run.push(run.pop() & (1 << bits) - 1)


def _constant(size: int) -> _Operation:
    return lambda run: run.push(run.operand(size))


def _load(size: int) -> _Operation:
    return lambda run: run.load(size)


def _goto_if(run: _Evaluation) -> None:
    offset = run.operand(2)
    if run.pop():
        run.jump(offset)


def _drop(run: _Evaluation) -> None:
    run.pop()


def _swap(run: _Evaluation) -> None:
    top, below = run.pop(), run.pop()
    run.push(top)
    run.push(below)


def _rotate(run: _Evaluation) -> None:
    """``a b c`` becomes ``c a b``."""
    c, b, a = run.pop(), run.pop(), run.pop()
    for value in (c, a, b):
        run.push(value)


_OPERATIONS: Mapping[int, _Operation] = {
    0x02: _binary(lambda left, right: left + right),
    0x03: _binary(lambda left, right: left - right),
    0x04: _binary(lambda left, right: left * right),
    0x05: _signed_binary(_quotient),
    0x06: _binary(_quotient),
    0x07: _signed_binary(_remainder),
    0x08: _binary(_remainder),
    0x09: _binary(_shift_left),
    0x0A: _binary(lambda left, right: _shift_right(_signed(left), right)),
    0x0B: _binary(_shift_right),
    0x0E: _unary(lambda value: not value),
    0x0F: _binary(lambda left, right: left & right),
    0x10: _binary(lambda left, right: left | right),
    0x11: _binary(lambda left, right: left ^ right),
    0x12: _unary(lambda value: ~value),
    0x13: _binary(lambda left, right: left == right),
    0x14: _signed_binary(lambda left, right: left < right),
    0x15: _binary(lambda left, right: left < right),
    0x16: _extend,
    0x17: _load(1),
    0x18: _load(2),
    0x19: _load(4),
    0x1A: _load(8),
    0x20: _goto_if,
    0x21: lambda run: run.jump(run.operand(2)),
    0x22: _constant(1),
    0x23: _constant(2),
    0x24: _constant(4),
    0x25: _constant(8),
    0x26: lambda run: run.register(run.operand(2)),
    0x28: lambda run: run.pick(0),
    0x29: _drop,
    0x2A: _zero_extend,
    0x2B: _swap,
    0x32: lambda run: run.pick(run.operand(1)),
    0x33: _rotate,
}
