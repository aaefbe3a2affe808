"""Where the bytes come from that one instruction writes: the other half of a last write.

An instruction copies bytes, makes them of others, or holds them itself. Everything is told for the
guest as it stands before the instruction.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.engines.effects import (
    Immediate,
    Instruction,
    MemoryOperand,
    Operand,
    Part,
    RegisterOperand,
)
from replay.player.stops import View
from replay.player.whereabouts import (
    Computed,
    Constant,
    Copied,
    InMemory,
    InRegister,
    Making,
    Unclear,
    Untouched,
    Where,
    bytes_at,
)

_U64_MAX = (1 << 64) - 1
_STACK_BYTES = 8
_GENERAL_BYTES = 8
_CARRY, _PARITY, _ZERO, _SIGN, _OVERFLOW = 1 << 0, 1 << 2, 1 << 6, 1 << 7, 1 << 11


_MOVES = frozenset(
    (
        *("mov", "movabs", "movnti", "movzx", "movsx", "movsxd"),
        *("movups", "movaps", "movupd", "movapd", "movdqu", "movdqa", "lddqu"),
        *("movntps", "movntpd", "movntdq", "movntdqa", "movq", "movd", "movss", "movsd"),
        *("movlps", "movlpd"),
    )
)
_SIGNED = ("movsx", "movsxd")
_HIGH_MOVES = ("movhps", "movhpd")
_KEEPS_REST = ("movss", "movsd", "movlps", "movlpd")
_CLEARING = ("xor", "sub", "pxor", "xorps", "xorpd", "psubb", "psubw", "psubd", "psubq")
_EXTENDING = {"cbw": 1, "cwde": 2, "cdqe": 4}
_DOUBLING = {"cwd": 2, "cdq": 4, "cqo": 8}
_HALVES = {
    # The low half and the high half of the result: from which operand, and which half of it.
    "punpcklqdq": ((0, 0), (1, 0)),
    "unpcklpd": ((0, 0), (1, 0)),
    "movlhps": ((0, 0), (1, 0)),
    "punpckhqdq": ((0, 1), (1, 1)),
    "unpckhpd": ((0, 1), (1, 1)),
    "movhlps": ((1, 1), (0, 1)),
    "movddup": ((1, 0), (1, 0)),
}
_HALF = 8
_WIDE_PRODUCTS = ("mul", "imul", "div", "idiv")
_CARRYING = ("adc", "sbb", "rcl", "rcr")
_BY_BYTE = ("and", "or", "not", "pand", "por", "andps", "orps", "xor", "pxor", "xorps")
_STACK_MOVES = ("push", "pop", "call", "ret", "leave", "enter", "pushfq", "popfq")


def written_memory(instruction: Instruction, view: View) -> InMemory | None:
    """The memory that an instruction writes; None where that is not known, or none."""
    name, registers = instruction.mnemonic, view.registers()
    if name == "call" or name.startswith("push"):
        return InMemory((registers["rsp"] - _STACK_BYTES) & _U64_MAX, _STACK_BYTES)
    for operand in instruction.operands:
        if isinstance(operand, MemoryOperand):
            return InMemory(operand.address(registers), operand.size)
    return None


def making_in_memory(instruction: Instruction, wanted: InMemory, view: View) -> Making:
    """Where the first bytes of ``wanted`` come from, at the first of which the instruction
    writes."""
    whole = written_memory(instruction, view)
    if whole is None:
        return Unclear("it writes memory in a way that is not known here")
    offset = (wanted.address - whole.address) & _U64_MAX
    if offset >= whole.size:
        return Unclear("it does not write there itself: a processor's own write")
    size = min(wanted.size, whole.size - offset)
    return _Flow(instruction, view).into_memory(whole, offset, size)


def making_in_register(instruction: Instruction, wanted: InRegister, view: View) -> Making:
    """The same for the first bytes of ``wanted`` that the instruction writes."""
    return _Flow(instruction, view).into_register(wanted)


class _Flow:
    """One instruction before it is executed."""

    def __init__(self, instruction: Instruction, view: View) -> None:
        self._name = instruction.mnemonic
        self._instruction = instruction
        self._operands = instruction.operands
        self._registers = view.registers()
        self._view = view

    # ---- into memory

    def into_memory(self, whole: InMemory, offset: int, size: int) -> Making:
        """Where ``size`` bytes come from that go to ``offset`` of what it writes."""
        name = self._name
        if name == "call":
            return Constant(size, "return address")
        if name == "push":
            return self._from(self._operands[0], offset, size, whole.size)
        if self._instruction.is_string and name.startswith("stos"):
            return Copied(InRegister("rax", size, offset))
        if self._instruction.is_string and name.startswith("movs"):
            return self._from(self._operands[1], offset, size, whole.size)
        if name in _MOVES:
            return self._from(self._operands[1], offset, size, whole.size)
        if name in _HIGH_MOVES:
            return self._from(self._operands[1], offset + _HALF, size, 2 * _HALF)
        if name == "pop":
            return Copied(InMemory(self._registers["rsp"], whole.size).part(offset, size))
        if name == "xchg":
            other = next(each for each in self._operands if isinstance(each, RegisterOperand))
            return self._from(other, offset, size, whole.size)
        if name == "cmpxchg":
            return self._exchanged(whole, offset, size)
        return self._computed(offset, size)

    def _exchanged(self, whole: InMemory, offset: int, size: int) -> Making:
        found = bytes_at(whole, self._view)
        if found != bytes_at(InRegister("rax", whole.size), self._view):
            return Untouched(size)
        return self._from(self._operands[1], offset, size, whole.size)

    # ---- into a register

    def into_register(self, wanted: InRegister) -> Making:
        """Where the bytes come from."""
        if wanted.name == "rsp":
            return Computed(())
        special = self._implied(wanted)
        if special is not None:
            return special
        target = self._target(wanted)
        if target is None:
            return self._computed(0, wanted.size, whole=True)
        offset = wanted.low - target.low
        width = target.high - target.low
        if offset >= width:
            return Constant(wanted.size, "0: a 32-bit result clears the upper half")
        return self._named(wanted, target, offset, min(wanted.size, width - offset))

    def _target(self, wanted: InRegister) -> Part | None:
        """The operand that is written, as wide as it is named."""
        part = Part(wanted.name, wanted.low, wanted.low + wanted.size)
        for operand in self._operands:
            if not isinstance(operand, RegisterOperand) or operand.part.register != wanted.name:
                continue
            named = operand.part
            widened = named._replace(high=8) if named.high - named.low == 4 else named
            writes = operand.is_written or self._name in ("xchg", "xadd", "cmpxchg")
            if writes and widened.overlaps(part):
                return named
        return None

    def _named(self, wanted: InRegister, target: Part, offset: int, size: int) -> Making:
        name, operands = self._name, self._operands
        special = _NAMED.get(name)
        if special is not None:
            return special(self, wanted, offset, size)
        if name in _MOVES and not self._instruction.is_string:
            return self._moved(wanted, target, offset, size)
        if name in _HALVES or name in _HIGH_MOVES:
            return self._halves(wanted, size)
        if name.startswith("cmov"):
            taken = holds(name.removeprefix("cmov"), self._registers["rflags"])
            width = target.high - target.low
            return self._from(operands[1], offset, size, width) if taken else Untouched(size)
        if name in _CLEARING and _are_the_same(operands):
            return Constant(wanted.size, "0")
        return self._computed(offset, size)

    def _moved(self, wanted: InRegister, target: Part, offset: int, size: int) -> Making:
        source = self._operands[1]
        width = _width(source, target.high - target.low)
        if self._name in _KEEPS_REST:
            width = 4 if self._name == "movss" else _HALF
            if offset >= width and (
                isinstance(source, RegisterOperand) or self._name in ("movlps", "movlpd")
            ):
                return Untouched(size)
        elif self._name in ("movq", "movd") and target.register.startswith("xmm"):
            width = min(width, _HALF)
        if offset < width:
            return self._from(source, offset, min(size, width - offset), width)
        if self._name in _SIGNED:
            return self._computed(0, size)
        return Constant(wanted.size, "0: what is wider than its source is filled up")

    def _halves(self, wanted: InRegister, size: int) -> Making:
        half, inside = divmod(wanted.low, _HALF)
        size = min(size, _HALF - inside)
        if self._name in _HIGH_MOVES:
            return self._from(self._operands[1], inside, size, _HALF) if half else Untouched(size)
        operand, which = _HALVES[self._name][half]
        if operand == 0 and which == half:
            return Untouched(size)
        return self._from(self._operands[operand], inside + which * _HALF, size, 2 * _HALF)

    def popped(self, _wanted: InRegister, offset: int, size: int) -> Making:
        return Copied(InMemory(self._registers["rsp"], _STACK_BYTES).part(offset, size))

    def swapped(self, wanted: InRegister, offset: int, size: int) -> Making:
        first, second = self._operands
        byte = Part(wanted.name, wanted.low, wanted.low + 1)
        is_first = isinstance(first, RegisterOperand) and first.part.overlaps(byte)
        return self._from(second if is_first else first, offset, size, _GENERAL_BYTES)

    def exchange_added(self, wanted: InRegister, offset: int, size: int) -> Making:
        first, second = self._operands
        if isinstance(first, RegisterOperand) and first.part.register == wanted.name:
            return self._computed(offset, size)
        assert isinstance(second, RegisterOperand)
        return self._from(first, offset, size, second.part.high - second.part.low)

    def address(self, _wanted: InRegister, _offset: int, size: int) -> Making:
        operand = self._operands[1]
        assert isinstance(operand, MemoryOperand)
        inputs = tuple(InRegister(name) for name in dict.fromkeys(operand.registers))
        return Computed(inputs) if inputs else Constant(size, f"{operand.displacement:#x}")

    def permuted(self, wanted: InRegister, _offset: int, size: int) -> Making:
        """PSHUFD."""
        choice = self._operands[2]
        assert isinstance(choice, Immediate)
        lane, inside = divmod(wanted.low, 4)
        source = (choice.value >> 2 * lane & 3) * 4 + inside
        return self._from(self._operands[1], source, min(size, 4 - inside), 16)

    def inserted(self, wanted: InRegister, _offset: int, size: int) -> Making:
        """PINSRB, PINSRW, PINSRD and PINSRQ."""
        width, choice = _LANES[self._name[-1]], self._operands[2]
        assert isinstance(choice, Immediate)
        begin = choice.value * width % 16
        inside = wanted.low - begin
        if inside < 0:
            return Untouched(min(size, -inside))
        if inside >= width:
            return Untouched(size)
        return self._from(self._operands[1], inside, min(size, width - inside), width)

    def extracted(self, wanted: InRegister, offset: int, size: int) -> Making:
        """PEXTRB, PEXTRW, PEXTRD and PEXTRQ."""
        width, choice = _LANES[self._name[-1]], self._operands[2]
        assert isinstance(choice, Immediate)
        if offset >= width:
            return Constant(wanted.size, "0")
        begin = choice.value * width % 16
        return self._from(self._operands[1], begin + offset, min(size, width - offset), 16)

    def _implied(self, wanted: InRegister) -> Making | None:
        """Where no operand says it."""
        name, registers = self._name, self._registers
        if name == "leave":
            return Copied(InMemory(registers["rbp"], _STACK_BYTES).part(wanted.low, wanted.size))
        if self._instruction.is_string:
            if name.startswith("lods") and wanted.name == "rax":
                return self._loaded(wanted)
            return Computed(())
        if name in _EXTENDING:
            width = _EXTENDING[name]
            if wanted.low < width:
                return Untouched(min(wanted.size, width - wanted.low))
            return Computed((InRegister("rax", width),))
        if name in _DOUBLING:
            return Computed((InRegister("rax", _DOUBLING[name]),))
        if name == "cmpxchg" and wanted.name == "rax":
            return self._compared(wanted)
        if name in _WIDE_PRODUCTS and len(self._operands) == 1:
            inputs = [InRegister("rax"), *self._inputs(self._operands)]
            return Computed(tuple(inputs))
        return None

    def _loaded(self, wanted: InRegister) -> Making:
        source = next(each for each in self._operands if isinstance(each, MemoryOperand))
        if wanted.low >= source.size:
            return Constant(wanted.size, "0")
        size = min(wanted.size, source.size - wanted.low)
        return self._from(source, wanted.low, size, source.size)

    def _compared(self, wanted: InRegister) -> Making:
        """CMPXCHG gives the accumulator what it has found, unless that is the same."""
        found = self._operands[0]
        width = _width(found, _GENERAL_BYTES)
        if wanted.low >= width:
            return Untouched(wanted.size)
        return self._from(found, wanted.low, min(wanted.size, width - wanted.low), width)

    # ---- any

    def _from(self, operand: Operand, offset: int, size: int, width: int) -> Making:
        """``size`` bytes at ``offset`` of an operand, which counts with ``width`` bytes."""
        match operand:
            case Immediate(value):
                return Constant(size, hex(value & ((1 << 8 * min(width, 8)) - 1)))
            case RegisterOperand(part):
                return Copied(InRegister(part.register, size, part.low + offset))
            case MemoryOperand():
                place = InMemory(operand.address(self._registers), width)
                return Copied(place.part(offset, size))

    def _computed(self, offset: int, size: int, *, whole: bool = False) -> Making:
        operands = self._operands
        if self._name.startswith("set"):
            return Computed(())
        if self._name in _BY_BYTE and not whole:
            return Computed(tuple(each.part(offset, size) for each in self._inputs(operands)))
        inputs = list(self._inputs(operands))
        if self._name in _CARRYING:
            inputs.append(InRegister("rflags"))
        return Computed(tuple(inputs))

    def _inputs(self, operands: tuple[Operand, ...]) -> list[Where]:
        """What is read, immediates left out; each once."""
        found: list[Where] = []
        for number, operand in enumerate(operands):
            where: Where | None = None
            if isinstance(operand, RegisterOperand) and operand.is_read:
                part = operand.part
                where = InRegister(part.register, part.high - part.low, part.low)
            elif isinstance(operand, MemoryOperand) and (number or self._reads_first()):
                where = InMemory(operand.address(self._registers), operand.size)
            if where is not None and where not in found:
                found.append(where)
        return found

    def _reads_first(self) -> bool:
        """Whether memory that is the first operand is an input too."""
        return len(self._operands) == 1 or self._name not in _STORES


_STORES = ("pextrb", "pextrw", "pextrd", "pextrq", "extractps", "movbe", "stmxcsr", "fxsave")
_LANES = {"b": 1, "w": 2, "d": 4, "q": 8}
_NAMED: dict[str, Callable[[_Flow, InRegister, int, int], Making]] = {
    "pop": _Flow.popped,
    "xchg": _Flow.swapped,
    "xadd": _Flow.exchange_added,
    "lea": _Flow.address,
    "pshufd": _Flow.permuted,
    **{f"pinsr{lane}": _Flow.inserted for lane in _LANES},
    **{f"pextr{lane}": _Flow.extracted for lane in _LANES},
}


def _are_the_same(operands: tuple[Operand, ...]) -> bool:
    match operands:
        case (RegisterOperand(first), RegisterOperand(second)):
            return first == second
        case _:
            return False


def _width(operand: Operand, default: int) -> int:
    match operand:
        case RegisterOperand(part):
            return part.high - part.low
        case MemoryOperand():
            return operand.size
        case Immediate():
            return default


def holds(condition: str, flags: int) -> bool:
    """Whether a condition of CMOVcc holds, by the letters behind its name."""
    if condition.startswith("n") and condition not in _CONDITIONS:
        return not holds(condition[1:], flags)
    test = _CONDITIONS.get(condition)
    return test is not None and test(flags)


def _less(flags: int) -> bool:
    return bool(flags & _SIGN) != bool(flags & _OVERFLOW)


_CONDITIONS: dict[str, Callable[[int], bool]] = {
    "o": lambda flags: bool(flags & _OVERFLOW),
    "b": lambda flags: bool(flags & _CARRY),
    "ae": lambda flags: not flags & _CARRY,
    "e": lambda flags: bool(flags & _ZERO),
    "be": lambda flags: bool(flags & (_CARRY | _ZERO)),
    "a": lambda flags: not flags & (_CARRY | _ZERO),
    "s": lambda flags: bool(flags & _SIGN),
    "p": lambda flags: bool(flags & _PARITY),
    "l": _less,
    "ge": lambda flags: not _less(flags),
    "le": lambda flags: bool(flags & _ZERO) or _less(flags),
    "g": lambda flags: not flags & _ZERO and not _less(flags),
}
