"""Values in a guest as people write them, for conditions: ``$rax == 3 and orders > u32[$rsp+8]``.

The language is Python's, with words of C: ``$rip``; numbers; ``u32[ADDRESS]`` (``u8`` to ``u64``,
``i8`` to ``i64``) or ``*(u32*)ADDRESS`` for memory; a variable's name for its value and ``&name``
for its address; ``i32(VALUE)`` to see a value as a signed one; ``+ - * // / % & | ^ ~ << >>``,
comparisons, ``and or not`` as well as ``&& || !``. Integers are exact; two are equal when their 64
low bits are. ``&`` and ``|`` bind more strongly than comparisons, unlike in C.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from replay.player.errors import PlayerError
from replay.player.stops import Condition, View
from replay.player.symbols import Symbols

EXPRESSION_CHARACTERS_MAX = 500
"""What anybody types; it bounds the depth, and with it what the parser needs."""

_DEPTH_MAX = 100
_WORD = (1 << 64) - 1
_SHIFT_MAX = 63
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8}
_REGISTERS = frozenset(
    f"r{name}"
    for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags", *range(8, 16))
) | {"fs_base", "gs_base", "cr0", "cr2", "cr3", "cr4"}
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<load>\*\s*\(\s*(?P<type>[ui](?:8|16|32|64))\s*\*\s*\))"
    r"|(?P<register>\$\w+)"
    r"|(?P<word>[^\W\d][\w.]*)"
    r"|(?P<number>\d\w*)"
    r"|(?P<operator>&&|\|\||<<|>>|//|[=!<>]=|[-+*/%&|^~<>!()\[\]])"
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0+|[1-9][0-9]*")
_SPELLED = {"&&": " and ", "||": " or ", "!": " not ", "/": "//", "true": "1", "false": "0"}
_KEPT = {"and", "or", "not", *_SIZES}
_REGISTER, _NAME = "_register_", "_name_"
"""How registers and names are called in Python's words, where neither `$` nor `.` are letters."""

_VALUE_ENDS = (")", "]")

Value = Callable[[View], int]
"""What an expression is worth where a guest stands. Raises ``Unreadable``."""


class BadExpression(PlayerError):
    """An expression that means nothing; ``column`` counts from 1."""

    def __init__(self, text: str, column: int, problem: str) -> None:
        self.text = text
        self.column = column
        super().__init__(f"column {column} of {text!r}: {problem}")


class Unreadable(PlayerError):
    """A value that the guest does not have where it stands."""


@dataclass(frozen=True, slots=True)
class Memory:
    """``size`` bytes of memory, at an address that depends on where the guest stands."""

    address: Value
    size: int


def parse_value(text: str, symbols: Symbols) -> Value:
    """The value that is written; raises ``BadExpression``."""
    compiler = _Compiler(text, symbols)
    return compiler.value(compiler.tree)


def parse_condition(text: str, symbols: Symbols) -> Condition:
    """A condition: whether the value is anything but 0.

    It does not hold where the value needs memory that the guest cannot read, or a division by 0.
    Raises ``BadExpression``.
    """
    value = parse_value(text, symbols)

    def holds(view: View) -> bool:
        try:
            return value(view) != 0
        except Unreadable:
            return False

    return holds


def parse_memory(text: str, symbols: Symbols) -> Memory:
    """The memory that is written, for watching it: a variable or ``u32[...]``; raises
    ``BadExpression``."""
    compiler = _Compiler(text, symbols)
    return compiler.memory(compiler.tree)


class _Compiler:
    """Makes functions of the syntax tree of one text."""

    def __init__(self, text: str, symbols: Symbols) -> None:
        self._text = text
        self._symbols = symbols
        self._columns: list[int] = []
        self._names: list[str] = []
        self._depth = 0
        self.tree = self._parsed()

    def value(self, node: ast.expr) -> Value:
        """What one node is worth."""
        if self._depth >= _DEPTH_MAX:
            raise self._error(node, "it is nested too deeply")
        self._depth += 1
        try:
            return self._value(node)
        finally:
            self._depth -= 1

    def memory(self, node: ast.expr) -> Memory:
        """What memory one node names."""
        match node:
            case ast.BinOp(left=ast.Name(id=name), op=ast.Pow(), right=right):
                return Memory(self.value(right), self._size(node, name))
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return Memory(self.value(index), self._size(node, name))
            case ast.Name():
                address, size = self._variable(node)
                return Memory(lambda _view: address, size)
            case _:
                raise self._error(node, "no memory is named here: a variable or u32[ADDRESS] is")

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int(number)):
                return lambda _view: number
            case ast.Name(id=name) if name.startswith(_REGISTER):
                return self._register(node, name.removeprefix(_REGISTER))
            case ast.Name() | ast.Subscript():
                return self._loaded(node)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
                return self._converted(node, name, self.value(argument))
            case _:
                return self._combined(node)

    def _combined(self, node: ast.expr) -> Value:
        match node:
            case ast.BinOp(op=ast.Pow()):
                return self._loaded(node)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(node, op, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._address(operand)
            case ast.UnaryOp(op=op, operand=operand):
                apply, value = _UNARY[type(op)], self.value(operand)
                return lambda view: apply(value(view))
            case ast.BoolOp(op=op, values=nodes):
                values = [self.value(each) for each in nodes]
                some = any if isinstance(op, ast.Or) else all
                return lambda view: int(some(value(view) for value in values))
            case ast.Compare():
                return self._comparison(node)
            case _:
                raise self._error(node, "this is not part of an expression")

    def _binary(self, node: ast.expr, op: ast.operator, left: Value, right: Value) -> Value:
        apply = _BINARY.get(type(op))
        if apply is None:
            raise self._error(node, "there is no such operator")
        return lambda view: apply(left(view), right(view))

    def _comparison(self, node: ast.Compare) -> Value:
        tests = [_COMPARISONS.get(type(op)) for op in node.ops]
        values = [self.value(each) for each in (node.left, *node.comparators)]

        def compared(view: View) -> int:
            numbers = [value(view) for value in values]
            pairs = zip(tests, numbers, numbers[1:], strict=False)
            return int(all(test is not None and test(a, b) for test, a, b in pairs))

        if None in tests:
            raise self._error(node, "there is no such comparison")
        return compared

    def _register(self, node: ast.expr, name: str) -> Value:
        if name not in _REGISTERS:
            raise self._error(node, f"no register is named ${name}{_near(name, _REGISTERS)}")
        return lambda view: view.registers()[name]

    def _loaded(self, node: ast.expr) -> Value:
        """The value in memory, or the address of what is no number: a function, an array."""
        if isinstance(node, ast.Name):
            name = self._name(node.id)
            if self._function(name) is not None:
                return self._address(node)
            address, size = self._variable(node)
            if size not in _SIZES.values():
                problem = f"{name} has {size} bytes; say u32[&{name}+OFFSET] for a part of it"
                raise self._error(node, problem)
            return lambda view: _load(view, address, size, is_signed=False)
        memory = self.memory(node)
        is_signed = _type_name(node).startswith("i")
        return lambda view: _load(view, memory.address(view), memory.size, is_signed=is_signed)

    def _address(self, node: ast.expr) -> Value:
        if not isinstance(node, ast.Name) or not node.id.startswith(_NAME):
            raise self._error(node, "only a name has an address")
        function = self._function(self._name(node.id))
        address = self._variable(node)[0] if function is None else function
        return lambda _view: address

    def _function(self, name: str) -> int | None:
        """The address of a function, if no variable has its name."""
        functions = self._symbols.functions(name)
        is_one = functions and self._symbols.variable(name) is None
        return functions[0].address if is_one else None

    def _variable(self, node: ast.Name) -> tuple[int, int]:
        name = self._name(node.id)
        found = self._symbols.variable(name)
        if found is None:
            near = _near(name, self._symbols.variable_names())
            raise self._error(node, f"there is no variable {name!r}{near}")
        return found.address, found.size

    def _converted(self, node: ast.expr, name: str, value: Value) -> Value:
        size = self._size(node, name)
        is_signed = name.startswith("i")
        return lambda view: _as_type(value(view), size, is_signed=is_signed)

    def _size(self, node: ast.expr, name: str) -> int:
        if name not in _SIZES:
            known = ", ".join(_SIZES)
            raise self._error(node, f"no type is named {self._name(name)!r}; there are {known}")
        return _SIZES[name]

    def _parsed(self) -> ast.expr:
        if len(self._text) > EXPRESSION_CHARACTERS_MAX:
            raise BadExpression(self._text[:20], 1, "an expression of so many characters")
        written = "".join(self._translated())
        try:
            return ast.parse(written.lstrip() or "()", mode="eval").body
        except SyntaxError as error:
            column = self._column((error.offset or 1) - 1 + len(written) - len(written.lstrip()))
            raise BadExpression(self._text, column, error.msg) from None
        except (ValueError, RecursionError, MemoryError):
            raise BadExpression(self._text, 1, "it is nested too deeply") from None

    def _translated(self) -> Iterator[str]:
        """The same in Python's words, noting for each character the column it is from."""
        previous, at = "", 0
        while at < len(self._text):
            token = _TOKEN.match(self._text, at)
            if token is None:
                raise BadExpression(self._text, at + 1, f"{self._text[at]!r} means nothing")
            written = self._word(token, previous)
            # A character of Python may take several bytes, and its parser counts those.
            self._columns += [at + 1] * len(written.encode())
            yield written
            previous = previous if token["space"] else token.group()
            at = token.end()

    def _word(self, token: re.Match[str], previous: str) -> str:
        text = token.group()
        if token["space"]:
            return " "
        if token["load"]:
            return f" {token['type']}**"
        if token["register"]:
            return f"{_REGISTER}{text[1:].lower()}"
        if token["word"] and text not in _KEPT and text not in _SPELLED:
            self._names.append(text)
            return f"{_NAME}{len(self._names) - 1}"
        if token["number"] and not _NUMBER.fullmatch(text):
            raise BadExpression(self._text, token.start() + 1, f"{text!r} is not a number")
        if text in ("&", "+") and not _ends_value(previous):
            if text == "&":
                return "+"  # the one sign of Python's that would have no use
            raise BadExpression(self._text, token.start() + 1, "'+' needs something before it")
        return _SPELLED.get(text, text)

    def _name(self, word: str) -> str:
        """What was written for a name in Python's words."""
        is_name = word.startswith(_NAME)
        return self._names[int(word.removeprefix(_NAME))] if is_name else word

    def _error(self, node: ast.expr, problem: str) -> BadExpression:
        return BadExpression(self._text, self._column(node.col_offset), problem)

    def _column(self, offset: int) -> int:
        if not self._columns:
            return 1
        return self._columns[max(0, min(offset, len(self._columns) - 1))]


def _ends_value(token: str) -> bool:
    is_word = token[:1].isalnum() or token[:1] in ("_", "$")
    return token in _VALUE_ENDS or (is_word and token not in ("and", "or", "not"))


def _type_name(node: ast.expr) -> str:
    match node:
        case ast.Subscript(value=ast.Name(id=name)) | ast.BinOp(left=ast.Name(id=name)):
            return name
        case _:
            return ""


def _near(name: str, names: Iterable[str]) -> str:
    found = get_close_matches(name, list(names), 1)
    return f"; is it {found[0]}?" if found else ""


def _load(view: View, address: int, size: int, *, is_signed: bool) -> int:
    data = view.read(address & _WORD, size)
    if data is None or len(data) != size:
        raise Unreadable(f"no memory can be read at {address & _WORD:#x}")
    return int.from_bytes(data, "little", signed=is_signed)


def _as_type(value: int, size: int, *, is_signed: bool) -> int:
    bits = 8 * size
    value &= (1 << bits) - 1
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


def _divided(divide: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def apply(left: int, right: int) -> int:
        if right == 0:
            raise Unreadable("a division by 0")
        return divide(left, right)

    return apply


def _shifted(shift: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda left, right: shift(left, min(right & _WORD, _SHIFT_MAX))


_BINARY: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: _divided(operator.floordiv),
    ast.Mod: _divided(operator.mod),
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: _shifted(operator.lshift),
    ast.RShift: _shifted(operator.rshift),
}
_UNARY: Mapping[type[ast.unaryop], Callable[[int], int]] = {
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: lambda value: int(not value),
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: lambda a, b: (a ^ b) & _WORD == 0,
    ast.NotEq: lambda a, b: (a ^ b) & _WORD != 0,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
