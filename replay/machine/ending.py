"""How a stretch of execution came to its end."""

from __future__ import annotations

from dataclasses import dataclass

from monitors.calls.lifecycle import MisuseKind
from monitors.ports import Breakpoint, Watched


@dataclass(frozen=True, slots=True)
class Halted:
    """The guest ended by itself; ``status`` is what it gave, signed 32-bit."""

    status: int
    cookie: bytes = b""

    @property
    def process_status(self) -> int:
        """What a shell sees (0..255)."""
        return self.status & 0xFF


@dataclass(frozen=True, slots=True)
class Misused:
    """The guest broke a rule of its target, which ends it."""

    kind: MisuseKind
    detail: str

    @property
    def process_status(self) -> int:
        """What a shell sees."""
        return self.kind.process_status


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody asked to stop; the guest could go on."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The position asked for."""


@dataclass(frozen=True, slots=True)
class Paused:
    """An engine's own stop for whoever debugs the guest, which could go on."""

    exit: Breakpoint | Watched


Ending = Halted | Misused | Stopped | Reached | Paused
