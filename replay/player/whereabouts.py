"""Where bytes of a guest are, and how they may have come there."""

from __future__ import annotations

from dataclasses import dataclass

from replay.player.stops import View

_U64_MAX = (1 << 64) - 1
_REGISTER_BYTES_MAX = 16


@dataclass(frozen=True, slots=True)
class InMemory:
    """``size`` bytes at a virtual address."""

    address: int
    size: int

    def part(self, offset: int, size: int) -> InMemory:
        """Some of the bytes."""
        return InMemory((self.address + offset) & _U64_MAX, size)


@dataclass(frozen=True, slots=True)
class InRegister:
    """``size`` bytes of a whole register from byte ``low`` on."""

    name: str
    size: int = 8
    low: int = 0

    def part(self, offset: int, size: int) -> InRegister:
        """Some of the bytes."""
        return InRegister(self.name, size, self.low + offset)


Where = InMemory | InRegister
"""Where bytes are."""


@dataclass(frozen=True, slots=True)
class Copied:
    """They were somewhere else, as they are; ``where.size`` is how many of them."""

    where: Where


@dataclass(frozen=True, slots=True)
class Constant:
    """``size`` of them are a number in the code, or what the instruction always gives."""

    size: int
    what: str


@dataclass(frozen=True, slots=True)
class Computed:
    """They were made of ``inputs``, constants left out."""

    inputs: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class Untouched:
    """The instruction left ``size`` of them as they were."""

    size: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody can say; ``why`` is for people."""

    why: str


Making = Copied | Constant | Computed | Untouched | Unclear


def bytes_at(where: Where, view: View) -> bytes:
    """What is there now; nothing where nothing can be read."""
    if isinstance(where, InMemory):
        return view.read(where.address, where.size) or b""
    value = view.registers().get(where.name, 0) & ((1 << 8 * _REGISTER_BYTES_MAX) - 1)
    return value.to_bytes(_REGISTER_BYTES_MAX, "little")[where.low : where.low + where.size]
