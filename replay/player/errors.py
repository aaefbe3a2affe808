"""What a replay raises when it and its recording part ways."""

from __future__ import annotations

from replay.machine.position import Position
from traces.events import CallRecord


class PlayerError(Exception):
    """Root of this package's errors."""


class Divergence(PlayerError):
    """The replayed guest did something else than the recorded one.

    ``expected`` is the recorded call (None: the recording has ended), ``actual`` the replayed one.
    """

    def __init__(self, position: Position, expected: CallRecord | None, actual: CallRecord) -> None:
        self.position = position
        self.expected = expected
        self.actual = actual
        recorded = expected or "the end of the recording"
        super().__init__(f"event {position.event}: recorded {recorded}, replayed {actual}")


class StateDivergence(PlayerError):
    """All calls agreed up to ``position``, but the machine's state does not."""

    def __init__(self, position: Position, what: str) -> None:
        self.position = position
        self.what = what
        super().__init__(f"after event {position.event - 1}: {what} differ from the recorded state")


class BadPosition(PlayerError):
    """A position that the recording does not have; ``last`` is the nearest before it, if known."""

    def __init__(self, position: Position, why: str, last: Position | None = None) -> None:
        self.position = position
        self.last = last
        super().__init__(f"position {position} {why}")


class DamagedCheckpoint(PlayerError):
    """A checkpoint cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"a checkpoint of an earlier session is damaged ({why}): remove the file "
            "TRACE.checkpoints beside the trace"
        )


class GuestNeeded(PlayerError):
    """The trace does not embed its guest and no file was given."""


class Redacted(GuestNeeded):
    """Bytes that the guest received were taken out of the trace, so that nobody can replay it."""


class BadPlace(PlayerError):
    """A text that names no place of the recording, or no checkpoint that was kept."""
