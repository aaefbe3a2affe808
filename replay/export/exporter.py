"""What exporters of events have in common: they are shown events one by one and write bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from traces.events import Event

Write = Callable[[bytes], object]
"""Takes the next bytes of an export."""


class Exporter(Protocol):
    """Writes one export; made with the trace's header, its times and a ``Write``."""

    calls: frozenset[str]
    """The names of the calls that it wants to see, by ``monitors.calls``; all where empty."""

    def take(self, event: Event, given: bytes | None) -> None:
        """See the next event; ``given`` are the bytes in its call, None where they are not known
        or there are none."""
        ...

    def finish(self) -> None:
        """Write what remains, behind the last event."""
        ...

    @property
    def summary(self) -> str:
        """What was written, in a few words for people."""
        ...
