"""The host's randomness."""

from __future__ import annotations

import secrets

from monitors.calls.traps import RandomReading, RandomWord


def read_random_word(call: RandomWord) -> RandomReading:
    """``call.bits`` random bits from the kernel."""
    return RandomReading(secrets.randbits(call.bits))


def random_seed(limit: int) -> int:
    """A number of at most ``limit``, from which others are made."""
    return secrets.randbelow(limit + 1)


def random_mac() -> bytes:
    """A random MAC address: locally administered, not multicast."""
    first, *rest = secrets.token_bytes(6)
    return bytes(((first & ~1) | 2, *rest))
