"""Instructions with all that is known of them: names, source lines, inlined calls, and branches as
arrows. Listings are made by who may use ``Symbols``, and are plain data then."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from replay.engines.disassembly import Decoded, Syntax, decoder
from replay.engines.ram import PAGE_BYTES
from replay.player.stops import View
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.assembly import is_call, leads_to, names_memory
from replay.tui.model.rows import Target, ToCode, ToMemory

LISTING_BYTES_MAX = 16 << 10
"""Of one listing; of a longer function only a part is listed."""

NO_INSTRUCTION = ".byte"
"""The mnemonic of a byte that is no part of an instruction."""

ARROW_LANES = 4
_ARROW_INSTRUCTIONS_MAX = 250
_IMMEDIATE = re.compile(r"(?<![\w\[*+-])\$?(0x[0-9a-f]{5,16})\b(?!\()")
_NAMES_OF_INLINED_MAX = 4
_INLINED_MAX = 200_000
"""Instructions of inlined calls that are told, one of several calls several times."""

_BACK_BYTES = 96


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: ``to`` is where it leads, ``note`` what it means, ``about`` the target of
    that; ``path`` and ``line`` are empty and 0 where they are unknown; ``inlined`` has the inlined
    calls that it belongs to, outermost first."""

    address: int
    code: bytes
    mnemonic: str
    operands: str
    to: int | None = None
    note: str = ""
    about: Target | None = None
    path: str = ""
    line: int = 0
    inlined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    """A branch from one instruction of a listing to another, by their numbers; lane 0 is the
    nearest to the text."""

    source: int
    target: int
    lane: int

    @property
    def top(self) -> int:
        """The upper end."""
        return min(self.source, self.target)

    @property
    def bottom(self) -> int:
        """The lower end."""
        return max(self.source, self.target)


@dataclass(frozen=True, slots=True)
class Listing:
    """Instructions in order of their addresses; ``arrows`` has for each those that pass it."""

    instructions: tuple[Instruction, ...] = ()
    arrows: tuple[tuple[Arrow, ...], ...] = ()
    lanes: int = 0

    def index_of(self, address: int) -> int | None:
        """The instruction that begins at an address, or has it."""
        found = bisect_left(self.instructions, address + 1, key=lambda each: each.address) - 1
        if found < 0:
            return None
        instruction = self.instructions[found]
        return found if address < instruction.address + len(instruction.code) else None


def listing_of(symbols: Symbols, code: bytes, start: int, syntax: Syntax) -> Listing:
    """The instructions that ``code`` at the address ``start`` is made of."""
    decoded = list(decoded_or_bytes(code, start, syntax))
    inlined = _inlined(symbols, decoded)
    instructions = tuple(
        _instruction(symbols, each, code[each[0] - start :][: each[1]], names)
        for each, names in zip(decoded, inlined, strict=True)
    )
    arrows = _arrows(instructions)
    lanes = 1 + max((arrow.lane for passing in arrows for arrow in passing), default=-1)
    return Listing(instructions, arrows, lanes)


def decoded_or_bytes(code: bytes, start: int, syntax: Syntax) -> Iterator[Decoded]:
    """Decoded instructions; what can be none is given byte by byte."""
    at = 0
    while at < len(code):
        found = decoder(syntax)(code[at:], start + at, 0)
        yield from found
        at += sum(size for _, size, _, _ in found)
        if at < len(code):
            yield start + at, 1, NO_INSTRUCTION, f"{code[at]:#04x}"
            at += 1


def readable(view: View, start: int, end: int) -> bytes:
    """Memory from ``start`` on, as far as the guest can read it."""
    found = []
    while start < end:
        size = min(end - start, PAGE_BYTES - start % PAGE_BYTES)
        data = view.read(start, size)
        if data is None:
            break
        found.append(data)
        start += size
    return b"".join(found)


def instruction_start_before(view: View, at: int, syntax: Syntax = Syntax.INTEL) -> int:
    """A place before ``at`` from which decoding comes by ``at``: x86 has no other way back."""
    code = _readable_before(view, at)
    for size in range(len(code), 0, -1):
        decoded = decoder(syntax)(code[-size:], at - size, 0)
        if decoded and decoded[-1][0] + decoded[-1][1] == at:
            return at - size
    return at


def _readable_before(view: View, at: int) -> bytes:
    """What ends at an address, from the farthest place or from the page's start."""
    for first in (max(at - _BACK_BYTES, 0), (at - 1) // PAGE_BYTES * PAGE_BYTES):
        code = view.read(first, at - first) if 0 <= first < at else None
        if code is not None:
            return code
    return b""


def name_of(symbols: Symbols, address: int) -> str:
    """The function or variable at an address, with the offset in it; empty where none is."""
    symbol = symbols.function_at(address) or symbols.variable_at(address)
    if symbol is None:
        return ""
    offset = address - symbol.address
    return f"{symbol.name}+{offset:#x}" if offset else symbol.name


def _instruction(
    symbols: Symbols, decoded: Decoded, code: bytes, inlined: tuple[str, ...]
) -> Instruction:
    address, size, mnemonic, operands = decoded
    to = leads_to(mnemonic, operands)
    about = to if to is not None else _mentioned(symbols, operands, address + size)
    name = "" if about is None else name_of(symbols, about)
    row = symbols.row_at(address)
    path, line = ("", 0) if row is None else (row.path, row.line)
    return Instruction(
        address,
        code,
        mnemonic,
        operands,
        to,
        f"<{name}>" if name else "",
        _target(symbols, about, is_code=to is not None),
        path,
        line,
        inlined,
    )


def _mentioned(symbols: Symbols, operands: str, behind: int) -> int | None:
    """The address that an instruction reads, writes or takes, as far as its text says."""
    address = names_memory(operands, behind)
    if address is not None:
        return address
    immediate = _IMMEDIATE.search(operands)
    value = 0 if immediate is None else int(immediate[1], 16)
    return value if value and name_of(symbols, value) else None


def _target(symbols: Symbols, about: int | None, *, is_code: bool) -> Target | None:
    if about is None:
        return None
    if is_code or symbols.function_at(about) is not None:
        return ToCode(about)
    variable = symbols.variable_at(about)
    size = variable.size if variable is not None and variable.size in (1, 2, 4) else 8
    return ToMemory(about, size)


def _inlined(symbols: Symbols, decoded: Sequence[Decoded]) -> list[tuple[str, ...]]:
    """The inlined calls that each instruction belongs to."""
    found: list[tuple[str, ...]] = [()] * len(decoded)
    if not decoded:
        return found
    addresses = [address for address, _, _, _ in decoded]
    function = symbols.function_at(addresses[0])
    parts = [] if function is None else symbols.whole(function)
    left = _INLINED_MAX
    for name, start, end in _inlined_ranges(symbols, parts):
        first, behind = bisect_left(addresses, start), bisect_left(addresses, end)
        left -= behind - first + 1
        if left < 0:
            break
        for index in range(first, behind):
            found[index] = (*found[index], name)[-_NAMES_OF_INLINED_MAX:]
    return found


def _inlined_ranges(symbols: Symbols, parts: Sequence[Symbol]) -> Iterator[tuple[str, int, int]]:
    """Where code of inlined calls is, that of outer ones before that of inner ones."""
    for part in parts:
        for scope in symbols.inlined_within(part.address, part.end):
            for start, end in scope.ranges:
                yield scope.name, start, end


def _arrows(instructions: Sequence[Instruction]) -> tuple[tuple[Arrow, ...], ...]:
    """Short branches get the lanes near the text; what finds no lane has no arrow."""
    numbers = {each.address: number for number, each in enumerate(instructions)}
    passing: list[list[Arrow]] = [[] for _ in instructions]
    taken = [0] * ARROW_LANES
    for source, target in sorted(_branches(instructions, numbers), key=_length):
        top, bottom = min(source, target), max(source, target)
        room = ((1 << (bottom - top + 1)) - 1) << top
        lane = next((lane for lane, used in enumerate(taken) if not used & room), None)
        if lane is not None:
            taken[lane] |= room
            for number in range(top, bottom + 1):
                passing[number].append(Arrow(source, target, lane))
    return tuple(tuple(arrows) for arrows in passing)


def _branches(
    instructions: Sequence[Instruction], numbers: dict[int, int]
) -> Iterator[tuple[int, int]]:
    for number, each in enumerate(instructions):
        if each.to is None or is_call(each.mnemonic):
            continue
        target = numbers.get(each.to)
        if target is not None and 0 < abs(target - number) <= _ARROW_INSTRUCTIONS_MAX:
            yield number, target


def _length(branch: tuple[int, int]) -> int:
    return abs(branch[1] - branch[0])
