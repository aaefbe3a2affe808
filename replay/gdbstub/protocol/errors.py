"""What the protocol raises."""

from __future__ import annotations


class ProtocolError(Exception):
    """Root of this package's errors."""


class BadPacket(ProtocolError):
    """A packet of a known kind whose arguments make no sense; the client's fault."""
