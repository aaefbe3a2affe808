"""What monitors raise. All are about the guest: its file, its pointers, its demands."""

from __future__ import annotations


class MonitorError(Exception):
    """Root of this package's errors."""


class GuestRefused(MonitorError):
    """A guest that cannot be run: ``what`` is wrong, ``hint`` says what to do about it."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what} ({hint})" if hint else what)


class BadImage(GuestRefused):
    """The file is not a loadable unikernel: format, notes, manifest or load rules."""


class BadManifest(GuestRefused):
    """A manifest, binary or JSON, that breaks its format's rules."""


class BadGuestPointer(MonitorError):
    """A guest address that the target's bounds rule refuses."""

    def __init__(self, gpa: int, size: int) -> None:
        self.gpa = gpa
        self.size = size
        super().__init__(f"guest address {gpa:#x}, {size} bytes: outside guest memory")


class BadAnswer(MonitorError):
    """A result that does not fit its call, as a damaged or foreign trace may hold."""

    def __init__(self, call: object, result: object, why: str) -> None:
        self.call = call
        self.result = result
        self.why = why
        kinds = f"{type(result).__name__} for {type(call).__name__}"
        super().__init__(f"answer does not fit its call ({kinds}): {why}")
