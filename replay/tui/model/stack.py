"""The calls on the guest's stack, innermost first, and the words that the stack is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from monitors.ports import Registers
from replay.player.paged_view import paged
from replay.player.scopes import Scope
from replay.player.standing import read_words
from replay.player.stops import View
from replay.player.symbols import Place, Symbols
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.meaning import POINTER_MIN, Meaning, meaning_of, note_spans
from replay.tui.model.rows import (
    FixedRows,
    Line,
    Role,
    Span,
    ToCode,
    ToFrame,
    ToMemory,
    visible,
)

FRAMES_MAX = 128
"""Of the calls that are told; a recursion may be far deeper."""

WORDS_MAX = 1024
_WIDTH_FOR_OFFSETS = 50
_WORD_BYTES = 8
_ADDRESS_MASK = (1 << 64) - 1
_LONGEST_CALL = 7
_CALL, _CALL_INDIRECT, _INDIRECT_CALL_FIELD = 0xE8, 0xFF, 2
_MODES_OF_INDIRECT_CALLS = {2: (0, 3), 3: (0, 1), 4: (1,), 6: (0, 2), 7: (0, 2)}
"""Modes of operands by the size of the instruction (Intel SDM, volume 2, table 2-2)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A call of a function, an inlined one too.

    ``pc`` is the instruction to come, or to return to; ``at`` one of the line meant: the call.
    ``cfa`` is where the caller's part of the stack begins; ``registers`` are those of this call, as
    far as they are known. Inlined calls have them in common with what they are inlined in.
    """

    number: int
    function: str
    path: str
    line: int
    pc: int
    at: int
    cfa: int | None
    is_inlined: bool
    registers: Registers


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the stack. ``returns``: it leads behind a call. ``caller``: the number of the
    frame that begins here, if one does."""

    address: int
    meaning: Meaning
    returns: bool = False
    caller: int | None = None


@dataclass(frozen=True, slots=True)
class StackSeen:
    """``ended`` says why there are no more frames, ``words`` go upward from RSP."""

    frames: tuple[Frame, ...]
    ended: str
    words: tuple[Word, ...] = ()
    rsp: int = 0

    def frame(self, number: int) -> Frame:
        """A frame by its number, or the outermost where there are less."""
        return self.frames[max(0, min(number, len(self.frames) - 1))]


@dataclass(slots=True)
class _Unwound:
    """What is found from the inside out."""

    frames: list[Frame] = field(default_factory=list)
    ended: str = ""


def look_at_stack(view: View, symbols: Symbols, *, words: int = 64) -> StackSeen:
    """The stack of a guest that stands still, with so many words of it."""
    view = paged(view)
    found = _unwound(view, symbols)
    rsp = view.registers()["rsp"]
    callers = {
        inner.cfa: outer.number
        for inner, outer in pairwise(found.frames)
        if inner.cfa is not None and inner.cfa != outer.cfa
    }
    listed = _words(view, symbols, rsp, min(words, WORDS_MAX), callers)
    return StackSeen(tuple(found.frames), found.ended, tuple(listed), rsp)


def backtrace_rows(seen: StackSeen, chosen: int = 0, glyphs: Glyphs = UNICODE) -> FixedRows:
    """A row for each frame, and one that says why there are no more."""
    lines = [_frame_line(frame, chosen, glyphs) for frame in seen.frames]
    return FixedRows((*lines, (Span(f"  {visible(seen.ended)}", Role.DIM),)))


def word_rows(
    seen: StackSeen, before: StackSeen | None = None, *, width: int = 60, glyphs: Glyphs = UNICODE
) -> FixedRows:
    """The stack's words, with a row where each caller's part begins; what has changed is marked."""
    old = {} if before is None else {word.address: word.meaning.value for word in before.words}
    if not seen.words:
        return FixedRows(((Span(f"no memory can be read at {seen.rsp:#x}", Role.WARNING),),))
    lines: list[Line] = []
    for word in seen.words:
        if word.caller is not None:
            lines.append(_border_line(seen.frames[word.caller]))
        is_changed = old.get(word.address, word.meaning.value) != word.meaning.value
        lines.append(_word_line(word, seen.rsp, glyphs.change if is_changed else " ", width))
    return FixedRows(tuple(lines))


# ---- looking


def _unwound(view: View, symbols: Symbols) -> _Unwound:
    found = _Unwound()
    registers, read_word = view.registers(), read_words(view)
    while True:
        is_innermost = not found.frames
        frame = symbols.frame(registers, read_word, innermost=is_innermost)
        cfa = None if frame is None else frame.cfa
        here = _frames(symbols, registers, cfa, len(found.frames))
        found.frames += islice(here, FRAMES_MAX + 1 - len(found.frames))
        if len(found.frames) > FRAMES_MAX:
            del found.frames[FRAMES_MAX:]
            found.ended = f"more than {FRAMES_MAX} calls"
        elif frame is None:
            found.ended = f"nothing tells how {registers['rip']:#x} was called"
        elif not frame.caller["rip"]:
            found.ended = "the outermost call"
        else:
            registers = frame.caller
            continue
        return found


def _frames(
    symbols: Symbols, registers: Registers, cfa: int | None, number: int
) -> Iterator[Frame]:
    """The inlined calls around an instruction, and the function that has it."""
    pc = registers["rip"]
    at = pc if number == 0 else (pc - 1) & _ADDRESS_MASK
    place = symbols.place(at)
    inlined = [scope for scope in symbols.scopes(at) if scope.is_inlined]
    entered = len(inlined) if number else _entered(inlined, pc)
    path, line = place.path, place.line
    for depth in range(len(inlined) - 1, -1, -1):
        scope = inlined[depth]
        if depth < entered:
            yield Frame(number, scope.name, path, line, pc, at, cfa, True, registers)
            number += 1
        path, line = scope.call_path, scope.call_line
    yield Frame(number, _name(place), path, line, pc, at, cfa, False, registers)


def _entered(inlined: Sequence[Scope], pc: int) -> int:
    """How many of the inlined calls, outermost first, have been entered: at the first instruction
    of one the guest stands before the call."""
    begins = (depth for depth, scope in enumerate(inlined) if scope.begins_at(pc))
    return next(begins, len(inlined))


def _name(place: Place) -> str:
    if not place.function:
        return f"{place.address:#x}"
    is_enough = place.path or not place.offset
    return place.function if is_enough else f"{place.function}+{place.offset:#x}"


def _words(
    view: View, symbols: Symbols, rsp: int, count: int, callers: Mapping[int, int]
) -> Iterator[Word]:
    read_word = read_words(view)
    for index in range(count):
        address = (rsp + index * _WORD_BYTES) & _ADDRESS_MASK
        value = read_word(address)
        if value is None:
            return
        returns = is_behind_call(view, symbols, value)
        yield Word(address, meaning_of(view, symbols, value), returns, callers.get(address))


def is_behind_call(view: View, symbols: Symbols, value: int) -> bool:
    """Whether a value leads behind a call: it is a return address, then, or was one."""
    if value < POINTER_MIN or (symbols.all_functions() and symbols.function_at(value) is None):
        return False
    code = view.read(value - _LONGEST_CALL, _LONGEST_CALL)
    if code is None:
        return False
    if code[-5] == _CALL:
        offset = int.from_bytes(code[-4:], "little", signed=True)
        return view.read((value + offset) & _ADDRESS_MASK, 1) is not None
    return any(_is_indirect_call(code[-size:]) for size in _MODES_OF_INDIRECT_CALLS)


def _is_indirect_call(code: bytes) -> bool:
    opcode, operand = code[:2]
    is_call = opcode == _CALL_INDIRECT and operand >> 3 & 7 == _INDIRECT_CALL_FIELD
    return is_call and operand >> 6 in _MODES_OF_INDIRECT_CALLS[len(code)]


# ---- rows


def _frame_line(frame: Frame, chosen: int, glyphs: Glyphs) -> Line:
    is_chosen = frame.number == chosen
    pointer = glyphs.pointer(is_here=frame.number == 0) if is_chosen else " "
    target = ToFrame(frame.number)
    return (
        Span(pointer, Role.CURRENT if is_chosen else Role.TEXT),
        Span(f"#{frame.number:<3}", Role.NUMBER, target),
        Span(visible(frame.function) or "?", Role.NAME, target),
        *_place_spans(frame, target),
        *((Span("  inlined", Role.DIM),) if frame.is_inlined else ()),
    )


def _place_spans(frame: Frame, target: ToFrame) -> Iterator[Span]:
    if frame.path:
        file = visible(frame.path.rpartition("/")[2])
        yield Span(f"  {file}:{frame.line}", Role.STRING, target)
    yield Span(f"  {frame.pc:#x}", Role.ADDRESS, ToCode(frame.at))


def _border_line(frame: Frame) -> Line:
    name = f"#{frame.number} {visible(frame.function)}"
    return (Span("-- ", Role.DIM), Span(name, Role.TITLE, ToFrame(frame.number)))


def _word_line(word: Word, rsp: int, mark: str, width: int) -> Line:
    changed = Role.CHANGED if mark.strip() else Role.NUMBER
    spans = [
        Span(f"{word.address:08x}", Role.ADDRESS, ToMemory(word.address)),
        Span(f" {mark}"),
        Span(f"{word.meaning.value:016x}", changed, word.meaning.about),
        Span(" ret " if word.returns else " ", Role.COMMENT),
    ]
    if width >= _WIDTH_FOR_OFFSETS:
        offset = (word.address - rsp) & _ADDRESS_MASK
        spans = [Span(f"{f'+{offset:x}':>5} ", Role.DIM), *spans]
    room = width - sum(len(span.text) for span in spans)
    return (*spans, *note_spans(word.meaning, room))
