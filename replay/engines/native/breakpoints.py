"""Breakpoints of a native guest.

In vetted text they are INT3 in the process's private copy: the guest's memory, and so every digest,
stays as it is. Where an address may not be the beginning of an instruction, INT3 could change what
the guest does, and a debug register is used instead. Code anywhere else is executed one instruction
at a time, and the engine looks for itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator

from replay.engines.native.child import Child
from replay.engines.native.memory import Area, Space
from replay.engines.sites import LONGEST_INSTRUCTION, decode

_INT3 = b"\xcc"
_LOOK_BACK_BYTES = 96
# A repeating prefix among others, a REX prefix, and movs, cmps, stos, lods or scas.
_REPEATED = re.compile(
    rb"[\x26\x2e\x36\x3e\x64-\x67\xf2\xf3]*[\xf2\xf3][\x26\x2e\x36\x3e\x64-\x67]*"
    rb"[\x40-\x4f]?[\xa4-\xa7\xaa-\xaf]"
)


class Breakpoints:
    """``addresses`` are all of them, ``doubtful`` those for debug registers."""

    def __init__(self, child: Child, space: Space) -> None:
        self._child = child
        self._space = space
        self._replaced: dict[int, bytes] = {}
        self.addresses: frozenset[int] = frozenset()
        self.doubtful: frozenset[int] = frozenset()

    def find_doubtful(self, addresses: Collection[int]) -> frozenset[int]:
        """Those in code that may be patched, but not there."""
        return frozenset(at for at in addresses if self._is_doubtful(at))

    def use(self, addresses: Collection[int], doubtful: Collection[int]) -> None:
        """Replace all; nothing is in the text before ``insert``."""
        self.take_out()
        self.addresses, self.doubtful = frozenset(addresses), frozenset(doubtful)

    def insert(self, areas: Collection[Area]) -> None:
        """Put those that lie in vetted ``areas`` into the text."""
        for address in self.addresses - self.doubtful - self._replaced.keys():
            if any(area.start <= address < area.end for area in areas):
                self._put(address)

    def take_out(self) -> None:
        """Give the text its bytes back."""
        for address in tuple(self._replaced):
            self._take(address)

    def forget(self, area: Area) -> None:
        """The text of ``area`` has been written anew."""
        for address in [at for at in self._replaced if area.start <= at < area.end]:
            del self._replaced[address]

    def holds(self, address: int) -> bool:
        """Whether there is an INT3 of ours."""
        return address in self._replaced

    @contextlib.contextmanager
    def lifted(self, address: int) -> Iterator[None]:
        """While inside, the instruction there can run."""
        is_there = address in self._replaced
        if is_there:
            self._take(address)
        try:
            yield
        finally:
            if is_there and address not in self._replaced:
                self._put(address)

    @contextlib.contextmanager
    def also_at(self, address: int) -> Iterator[None]:
        """While inside, there is an INT3 at ``address`` of vetted text too."""
        is_there = address in self._replaced
        if not is_there:
            self._put(address)
        try:
            yield
        finally:
            if not is_there and address in self._replaced:
                self._take(address)

    def _put(self, address: int) -> None:
        self._replaced[address] = self._child.read(address, 1)
        self._child.write(address, _INT3)

    def _take(self, address: int) -> None:
        self._child.write(address, self._replaced.pop(address))

    def _is_doubtful(self, address: int) -> bool:
        area = self._space.area(address)
        if area is None or not area.private:
            return False
        start = max(area.start, address - _LOOK_BACK_BYTES)
        code = bytes(self._space.ram.view[start : address + LONGEST_INSTRUCTION])
        return not _is_beginning(code, start, address)


def end_of_repeated(code: bytes, address: int) -> int | None:
    """What follows the repeated string instruction at ``address``; None where there is none."""
    match = _REPEATED.match(code)
    return None if match is None else address + match.end()


def _is_beginning(code: bytes, start: int, address: int) -> bool:
    """Whether most readings of ``code``, from any of its first bytes on, come to ``address``.

    x86 code that is read from a wrong byte on falls into step within a few instructions.
    """
    if not decode(code[address - start :], address, 1):
        return False
    balance = 0
    for skip in range(min(LONGEST_INSTRUCTION, address - start + 1)):
        for at, length, _, _ in decode(code[skip:], start + skip):
            if at <= address < at + length:
                balance += 1 if at == address else -1
                break
    return balance >= 0
