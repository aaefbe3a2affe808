"""The address space of an spt guest, and access to it as the host's kernel would have it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from monitors.errors import BadGuestPointer
from monitors.ports import GuestImage, GuestMemory, Protection
from monitors.spt.abi import SPT_HOST_MEM_BASE


def address_space(
    image: GuestImage, mem_size: int, *, executable_heap: bool = False
) -> tuple[Protection, ...]:
    """The rights over all of ``[0, mem_size)``, in order and without gaps.

    Below SPT_HOST_MEM_BASE there is nothing. Segments have the rights that their file gives them,
    the rest can be read and written, and executed where ``executable_heap`` says so.
    """
    space = [Protection(0, SPT_HOST_MEM_BASE, writable=False, readable=False, executable=False)]
    for segment in sorted(image.protections, key=lambda protection: protection.start):
        space += _rest(space[-1].end, segment.start, executable_heap)
        space.append(segment)
    space += _rest(space[-1].end, mem_size, executable_heap)
    return tuple(space)


def _rest(start: int, end: int, executable: bool) -> list[Protection]:
    return [Protection(start, end, writable=True, executable=executable)] if start < end else []


class UserMemory:
    """``raw`` with the rights of an address space without gaps; refuses with BadGuestPointer.

    Addresses and sizes are the guest's u64 values; their sum never wraps here, so a sum that would
    wrap is simply too large.
    """

    __slots__ = ("_raw", "_space", "_starts")

    def __init__(self, raw: GuestMemory, space: Sequence[Protection]) -> None:
        self._raw = raw
        self._space = space
        self._starts = [protection.start for protection in space]

    def check(self, gpa: int, size: int, *, write: bool = False) -> None:
        """Refuse a buffer of which a byte cannot be read or (``write``) written; an empty one has
        no such byte."""
        at, end = gpa, gpa + size
        index = bisect_right(self._starts, gpa) - 1
        first = self._space[index]
        if gpa < end <= first.end and (first.writable if write else first.readable):
            return  # as nearly always
        while at < end:
            if index >= len(self._space):
                raise BadGuestPointer(gpa, size)
            part = self._space[index]
            if at >= part.end or not (part.writable if write else part.readable):
                raise BadGuestPointer(gpa, size)
            at = part.end
            index += 1

    def read(self, gpa: int, size: int) -> bytes:
        """The ``size`` bytes at ``gpa``."""
        self.check(gpa, size)
        return self._raw.read(gpa, size) if size else b""

    def write(self, gpa: int, data: bytes) -> None:
        """Store ``data`` at ``gpa``."""
        part = self._space[bisect_right(self._starts, gpa) - 1]
        if not (part.writable and gpa + len(data) <= part.end):
            self.check(gpa, len(data), write=True)
        if data:
            self._raw.write(gpa, data)
