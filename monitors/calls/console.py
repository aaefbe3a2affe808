"""Calls that write to the guest's console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsoleWrite:
    """Bytes for the guest's console, unchanged; answered by ``Done``."""

    data: bytes
