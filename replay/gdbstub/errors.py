"""What the stub and its targets raise. Every message is made for the person in front of gdb."""

from __future__ import annotations


class StubError(Exception):
    """Root of this package's errors."""


class Refused(StubError):
    """A target cannot do what was asked; the message says why and what would."""


class BadExpression(StubError):
    """A condition that cannot be evaluated at this place; the client's fault."""


class CannotServe(StubError):
    """There is no listening at the address chosen."""
