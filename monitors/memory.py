"""Guest memory behind a target's bounds rule: the only way from a monitor into a guest."""

from __future__ import annotations

from monitors.errors import BadGuestPointer
from monitors.ports import GuestMemory


class BoundedMemory:
    """``raw`` from address 0 up to ``limit`` bytes; what lies outside raises BadGuestPointer.

    ``spare`` is how many bytes below ``limit`` no buffer may reach. Addresses and sizes are the
    guest's u64 values; their sum never wraps here, so a sum that would wrap is simply too large.
    """

    __slots__ = ("_end", "_raw")

    def __init__(self, raw: GuestMemory, limit: int, *, spare: int = 0) -> None:
        self._raw = raw
        self._end = limit - spare

    def check(self, gpa: int, size: int, *, write: bool = False) -> None:  # noqa: ARG002
        """Refuse a buffer that breaks the rule, with BadGuestPointer; an empty one has a place."""
        if gpa + size > self._end:
            raise BadGuestPointer(gpa, size)

    def read(self, gpa: int, size: int) -> bytes:
        """The ``size`` bytes at ``gpa``."""
        self.check(gpa, size)
        return self._raw.read(gpa, size) if size else b""

    def write(self, gpa: int, data: bytes) -> None:
        """Store ``data`` at ``gpa``."""
        self.check(gpa, len(data))
        if data:
            self._raw.write(gpa, data)
