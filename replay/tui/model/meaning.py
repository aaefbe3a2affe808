"""What a 64-bit value may mean in a guest: an address of something with a name, or of text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from replay.engines.ram import PAGE_BYTES
from replay.player.stops import View
from replay.player.symbols import Symbols
from replay.tui.model.listing import name_of
from replay.tui.model.rows import Role, Span, Target, ToCode, ToMemory, visible

POINTER_MIN = 0x10000
"""What is below is taken for a number; there is nothing of a guest there."""

TEXT_CHARACTERS_MAX = 32
_TEXT_CHARACTERS_MIN = 4
_TEXT = re.compile(rb"[\x20-\x7e\t\n]+")
_SIGN = 1 << 63
_DECIMAL_MAX = 10**15


@dataclass(frozen=True, slots=True)
class Meaning:
    """``symbol`` and ``text`` are empty where there is none; ``about`` is None for what is no
    pointer. ``is_text``: the value itself is text."""

    value: int
    symbol: str = ""
    text: str = ""
    is_text: bool = False
    about: Target | None = None

    @property
    def signed(self) -> int:
        """The value as a signed one."""
        return self.value - (self.value & _SIGN) * 2

    def note(self) -> str:
        """The most telling of what is known, for people."""
        quoted = f'"{visible(self.text)}"' if self.text else ""
        if self.symbol:
            return f"<{visible(self.symbol)}>{' ' if quoted else ''}{quoted}"
        if quoted:
            return f"= {quoted}" if self.is_text else quoted
        is_number = self.about is None and abs(self.signed) < _DECIMAL_MAX
        return str(self.signed) if is_number else ""


def meaning_of(view: View, symbols: Symbols, value: int) -> Meaning:
    """What a value means where the guest stands."""
    value &= 2 * _SIGN - 1
    if value < POINTER_MIN:
        return Meaning(value)
    if symbols.function_at(value) is not None:
        return Meaning(value, name_of(symbols, value), about=ToCode(value))
    if view.read(value, 1) is None:
        own = _text(value.to_bytes(8, "little").rstrip(b"\0"), is_whole=True)
        return Meaning(value, text=own, is_text=bool(own))
    text = text_at(view, value)
    return Meaning(value, name_of(symbols, value), text, about=ToMemory(value))


def text_at(view: View, address: int) -> str:
    """The text that begins at an address, if it looks like one."""
    for size in (TEXT_CHARACTERS_MAX, PAGE_BYTES - address % PAGE_BYTES):
        data = view.read(address, min(size, TEXT_CHARACTERS_MAX))
        if data is not None:
            return _text(data, is_whole=False)
    return ""


def note_spans(meaning: Meaning, width: int) -> tuple[Span, ...]:
    """A note in as many characters."""
    text = meaning.note()
    is_number = not meaning.symbol and not meaning.text
    if not text or width < 1 or (is_number and len(text) > width):
        return ()  # a part of a number would be another one
    role = Role.NAME if meaning.symbol else Role.STRING if meaning.text else Role.DIM
    cut = text if len(text) <= width else f"{text[: width - 1]}…"
    return (Span(cut, role, meaning.about),)


def _text(data: bytes, *, is_whole: bool) -> str:
    found = _TEXT.match(data)
    if found is None or len(found.group()) < _TEXT_CHARACTERS_MIN:
        return ""
    text = found.group()
    is_all = len(text) == len(data)
    if is_all or (not is_whole and data[len(text)] == 0):
        return text.decode("ascii")
    return ""
