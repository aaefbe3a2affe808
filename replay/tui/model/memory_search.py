"""Looking for bytes in the guest's memory, a piece at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from replay.engines.ram import PAGE_BYTES
from replay.player.errors import PlayerError
from replay.player.stops import Direction, View

PATTERN_BYTES_MAX = 256
_PIECE_BYTES = 64 << 10
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}\s+)+[0-9a-fA-F]{2}")


class BadPattern(PlayerError):
    """A text that says nothing to look for."""

    def __init__(self, text: str, problem: str) -> None:
        self.text = text
        super().__init__(f"{text[:40]!r}: {problem}")


def parse_pattern(text: str) -> bytes:
    """The bytes to look for: ``text:WORDS`` or ``"WORDS"``, ``hex:DEADBEEF`` or ``de ad be ef``,
    ``u32:7`` (``u8`` to ``u64``, little-endian); everything else is text. Raises ``BadPattern``."""
    kind, colon, rest = text.partition(":")
    parse = _KINDS.get(kind) if colon else None
    if parse is not None:
        found = parse(text, rest)
    elif _HEX.fullmatch(text.strip()):
        found = bytes.fromhex(text)
    elif len(text) > 2 and text[0] == text[-1] == '"':
        found = _as_text(text, text[1:-1])
    else:
        found = _as_text(text, text)
    if not 0 < len(found) <= PATTERN_BYTES_MAX:
        raise BadPattern(text, f"1 to {PATTERN_BYTES_MAX} bytes can be looked for")
    return found


def _as_text(_: str, words: str) -> bytes:
    return words.encode("utf-8", "surrogateescape")


def _as_hex(text: str, digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BadPattern(text, "hexadecimal digits in pairs are wanted") from None


def _as_number(size: int) -> Callable[[str, str], bytes]:
    def parse(text: str, number: str) -> bytes:
        try:
            value = int(number, 0)
            return value.to_bytes(size, "little", signed=value < 0)
        except (ValueError, OverflowError):
            raise BadPattern(text, f"this is no number of {8 * size} bits") from None

    return parse


_KINDS: Mapping[str, Callable[[str, str], bytes]] = {
    "text": _as_text,
    "hex": _as_hex,
    **{f"u{8 * size}": _as_number(size) for size in (1, 2, 4, 8)},
}


@dataclass(slots=True)
class MemorySearch:
    """A search of the addresses below ``size``, from behind ``start`` (or from before it, backward)
    all around to it again."""

    pattern: bytes
    start: int
    size: int
    direction: Direction = Direction.FORWARD
    done: int = 0
    """How many bytes have been searched; all are when it is ``size``."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to search."""
        return self.done >= self.size

    def advance(self, view: View, budget: int = 1 << 20) -> int | None:
        """The next address with the pattern, within about ``budget`` bytes more; None where there
        was none, and the search can go on unless it is over. The guest may stand anywhere."""
        until = min(self.size, self.done + max(1, budget))
        while self.done < until:
            low, high = self._piece()
            found = _find(view, low, high, self.pattern, self.direction)
            if found is None:
                self.done += high - low
                continue
            is_forward = self.direction is Direction.FORWARD
            self.done += found + 1 - low if is_forward else high - found
            return found
        return None

    def _piece(self) -> tuple[int, int]:
        """The next addresses that a match may begin at, which do not go round the end."""
        left = self.size - self.done
        if self.direction is Direction.FORWARD:
            low = (self.start + 1 + self.done) % self.size
            return low, min(low + _PIECE_BYTES, low + left, self.size)
        high = (self.start - self.done) % self.size or self.size
        return max(high - _PIECE_BYTES, high - left, 0), high


def _find(view: View, low: int, high: int, pattern: bytes, direction: Direction) -> int | None:
    """The first, or backward the last, match that begins in an address range."""
    starts = []
    for start, data in _runs(view, low, high + len(pattern) - 1):
        is_forward = direction is Direction.FORWARD
        at = data.find(pattern) if is_forward else data.rfind(pattern)
        if at >= 0:
            starts.append(start + at)
            if is_forward:
                break
    return starts[-1] if starts else None


def _runs(view: View, low: int, high: int) -> Iterator[tuple[int, bytes]]:
    """What can be read of an address range."""
    whole = view.read(low, high - low)
    if whole is not None:
        yield low, whole
        return
    start, found = low, b""
    while low < high:
        size = min(high - low, PAGE_BYTES - low % PAGE_BYTES)
        data = view.read(low, size)
        low += size
        if data is not None:
            found += data
        if data is None or low == high:
            if found:
                yield start, found
            start, found = low, b""
