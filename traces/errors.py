"""What reading and writing traces can raise: what, where, whose fault, what next.

``path`` is text for messages only; ``offset_bytes`` counts from the file's start (-1: no place).
"""

from __future__ import annotations

DAMAGED = "the trace is damaged; solo5-trace salvage keeps what stands before"
"""What next, wherever a file turns out to be broken inside."""


class TraceError(Exception):
    """Root of this package's errors."""

    def __init__(
        self, what: str, *, path: str = "", offset_bytes: int = -1, hint: str = ""
    ) -> None:
        self.what = what
        self.path = path
        self.offset_bytes = offset_bytes
        self.hint = hint
        super().__init__(what, path, offset_bytes, hint)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        at = f" (at byte {self.offset_bytes})" if self.offset_bytes >= 0 else ""
        return f"{where}{self.what}{at}" + (f"; {self.hint}" if self.hint else "")

    def locate(self, path: str) -> None:
        """Add the file's name where it is missing."""
        self.path = self.path or path


class NotATrace(TraceError):
    """The file is something else, or cannot be read at all."""


class WrongVersion(TraceError):
    """A trace of a format version that this program does not read."""


class DamagedTrace(TraceError):
    """Root of what is wrong inside a file that is a trace."""


class Truncated(DamagedTrace):
    """The file ends inside something that it announces."""


class Corrupt(DamagedTrace):
    """Bytes of the file contradict the format, a checksum or each other."""


class LimitExceeded(DamagedTrace):
    """A size beyond the format's limits: ``limit`` is the bound, ``actual`` what was announced."""

    def __init__(
        self, what: str, *, limit: int, actual: int, path: str = "", offset_bytes: int = -1
    ) -> None:
        self.limit = limit
        self.actual = actual
        super().__init__(
            f"{what}: {actual} is beyond the limit of {limit}",
            path=path,
            offset_bytes=offset_bytes,
            hint="the trace is damaged or was made to do harm",
        )


class BadEvent(Corrupt):
    """An event that breaks the format's rules; ``index`` is its number (-1: unknown)."""

    def __init__(
        self, what: str, *, index: int = -1, path: str = "", offset_bytes: int = -1
    ) -> None:
        self.index = index
        super().__init__(what, path=path, offset_bytes=offset_bytes, hint=DAMAGED)

    def __str__(self) -> str:
        place = f"event {self.index}: " if self.index >= 0 else "event: "
        return place + super().__str__()


class TraceExists(TraceError):
    """A trace is never overwritten."""


class TraceWriteError(TraceError):
    """The host could not store the trace; what was written before stays valid."""
