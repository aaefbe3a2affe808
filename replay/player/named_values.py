"""Values as people name them, to be asked where they come from: ``$rax``, ``$eax``, ``total``,
``u32[$rsp+8]``, ``0x12f340 16`` (an address and a size in bytes)."""

from __future__ import annotations

import re

from replay.engines.effects import part_of
from replay.player.expressions import BadExpression, parse_memory
from replay.player.origins import FOLLOWED
from replay.player.stops import View
from replay.player.symbols import Symbols
from replay.player.whereabouts import InMemory, InRegister, Where

_REGISTER = re.compile(r"\$(\w{2,8})")
_BYTES = re.compile(r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})\s+([0-9]{1,3})")
_ADDRESSES = 1 << 64


def parse_where(text: str, symbols: Symbols, view: View) -> Where:
    """Where the value is that ``text`` names, for a guest that stands as ``view`` shows it.

    Raises ``BadExpression``, or ``Unreadable`` where an address is to be read and cannot be.
    """
    text = text.strip()
    if register := _REGISTER.fullmatch(text):
        return _register(text, register[1].lower())
    if place := _BYTES.fullmatch(text):
        return InMemory(int(place[1], 0) % _ADDRESSES, int(place[2]))
    memory = parse_memory(text, symbols)
    return InMemory(memory.address(view) % _ADDRESSES, memory.size)


def _register(text: str, name: str) -> InRegister:
    part = part_of(name)
    if part is None or part.register not in FOLLOWED:
        raise BadExpression(text, 1, f"{name} is no register whose writes can be found")
    return InRegister(part.register, part.high - part.low, part.low)
