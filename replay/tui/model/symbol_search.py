"""Functions and variables by a part of their names, or by some of their letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from replay.player.symbols import Symbol, Symbols
from replay.tui.model.rows import Line, Role, Span, ToCode, ToMemory, visible

FOUND_MAX = 500
NAME_CHARACTERS_MAX = 300
QUERY_CHARACTERS_MAX = 100
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Found:
    """A name that was found, and which of its characters agree."""

    symbol: Symbol
    is_function: bool
    matched: tuple[int, ...] = ()


class SymbolNames:
    """All names of a guest as plain data, made ready to be searched. Never changed."""

    def __init__(self, functions: Sequence[Symbol], variables: Sequence[Symbol]) -> None:
        named = [*((each, True) for each in functions), *((each, False) for each in variables)]
        # Short names first: they are nearest to what was asked for.
        self._symbols = sorted(named, key=lambda each: (len(each[0].name), each[0].name))
        self._names = [
            symbol.name[:NAME_CHARACTERS_MAX].translate(_ASCII_LOWER) for symbol, _ in self._symbols
        ]

    def __len__(self) -> int:
        return len(self._names)

    def search(self, query: str, most: int = FOUND_MAX) -> list[Found]:
        """The names that have all words of ``query``: that name itself, then those that begin with
        it, then others; and then those that have its letters in that order."""
        words = query[:QUERY_CHARACTERS_MAX].translate(_ASCII_LOWER).split()
        if not words:
            return [self._found(number, ()) for number in range(min(most, len(self)))]
        whole = self._with_words(words)
        found = [
            self._found(number, _places(self._names[number], words)) for number in whole[:most]
        ]
        if len(words) == 1 and len(found) < most:
            known = set(whole)
            letters = (number for number in self._with_letters(words[0]) if number not in known)
            found += (
                self._found(number, _letters_in(self._names[number], words[0]))
                for number in islice(letters, most - len(found))
            )
        return found

    def beginning(self, text: str, *, functions: bool, most: int = FOUND_MAX) -> list[str]:
        """Names of functions, or of variables, that begin with ``text``, the shortest first; only
        such as can be typed."""
        names = (symbol.name for symbol, is_one in self._symbols if is_one is functions)
        typed = (name for name in names if name.startswith(text) and name.isprintable())
        return list(islice((name for name in typed if " " not in name), most))

    def _found(self, number: int, matched: tuple[int, ...]) -> Found:
        symbol, is_function = self._symbols[number]
        return Found(symbol, is_function, matched)

    def _with_words(self, words: Sequence[str]) -> list[int]:
        numbers: Sequence[int] = range(len(self._names))
        names = self._names
        for word in words:
            numbers = [number for number in numbers if word in names[number]]
        first = words[0]
        begin = [number for number in numbers if names[number].startswith(first)]
        others = [number for number in numbers if not names[number].startswith(first)]
        return [*begin, *others]  # both are in order of length, so that the name itself is first

    def _with_letters(self, word: str) -> Iterator[int]:
        # Each class leaves out the letter behind it: no name makes this go back.
        pattern = "".join(f"[^{re.escape(letter)}]*{re.escape(letter)}" for letter in word)
        matches = re.compile(pattern, re.DOTALL).match
        return (number for number, name in enumerate(self._names) if matches(name))


def symbol_names(symbols: Symbols) -> SymbolNames:
    """All names of a guest; for who may use ``Symbols``."""
    return SymbolNames(symbols.all_functions(), symbols.all_variables())


@dataclass(frozen=True, slots=True)
class SymbolRows:
    """What was found as rows; see ``Rows``."""

    found: Sequence[Found]

    def __len__(self) -> int:
        return len(self.found)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        found = self.found[index]
        symbol = found.symbol
        target = ToCode(symbol.address) if found.is_function else ToMemory(symbol.address)
        return (
            Span(f"{symbol.address:#010x} ", Role.ADDRESS, target),
            Span("function  " if found.is_function else "variable  ", Role.DIM),
            *(span._replace(target=target) for span in _name_spans(found)),
            Span(f"  {symbol.size} bytes" if symbol.size else "", Role.DIM),
        )

    def symbol(self, index: int) -> Symbol:
        """What a row shows."""
        return self.found[index].symbol


def _name_spans(found: Found) -> Iterator[Span]:
    """The name, in which what agrees is told apart."""
    name = found.symbol.name[:NAME_CHARACTERS_MAX]
    matched = set(found.matched)
    start = 0
    for at in range(1, len(name) + 1):
        if at == len(name) or (at in matched) is not (start in matched):
            role = Role.MATCH if start in matched else Role.NAME
            yield Span(visible(name[start:at]), role)
            start = at


def _places(name: str, words: Sequence[str]) -> tuple[int, ...]:
    found = (range(name.find(word), name.find(word) + len(word)) for word in words)
    return tuple(at for places in found for at in places)


def _letters_in(name: str, letters: str) -> tuple[int, ...]:
    places: list[int] = []
    for letter in letters:
        places.append(name.index(letter, places[-1] + 1 if places else 0))
    return tuple(places)
