"""The line that says where the guest stands and why, or what is under way."""

from __future__ import annotations

from replay.machine.position import Position
from replay.tui.explorer import Moment, Trouble
from replay.tui.model.rows import Role, Span, visible
from replay.tui.model.status import Standing, fraction_of, journey_line, standing_line
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.line_view import LineView

QUIET_TICKS = 2
"""How long a journey does not show: most are over by then."""


class StatusView(LineView):
    """Told of everything that it speaks of, each time that any of it has changed."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(id="status")
        self._recording = recording

    def show(
        self,
        moment: Moment | None,
        trouble: Trouble | None,
        journey: Undertaking | None,
        reached: Position | None,
    ) -> None:
        """``reached`` is how far a ``journey`` has come that began at the ``moment``."""
        is_busy = journey is not None and journey.ticks >= QUIET_TICKS
        self.set_class(is_busy, "-busy")
        self.set_class(trouble is not None and not is_busy, "-trouble")
        if journey is not None and is_busy:
            fraction = self._fraction(journey, moment, reached)
            self.line = journey_line(journey.title, journey.ticks, fraction)
        elif moment is not None:
            self.line = standing_line(self._standing(moment, trouble))
        elif trouble is not None:
            self.line = (Span(f"✗ {visible(trouble.text)}", Role.BAD),)

    def _fraction(
        self, journey: Undertaking, moment: Moment | None, reached: Position | None
    ) -> float | None:
        """How far it is, as far as that is known."""
        if journey.fraction is not None or reached is None:
            return journey.fraction
        begun = moment.position if moment is not None else Position(0)
        return fraction_of(begun, reached, Position(self._recording.trace.event_count))

    def _standing(self, moment: Moment, trouble: Trouble | None) -> Standing:
        return Standing(
            moment.position,
            Position(self._recording.trace.event_count),
            moment.steps,
            moment.stop,
            self._recording.time_ns(moment.position.event),
            moment.because or self._recording.follower.standing(),
            moment.ending,
            trouble.text if trouble is not None else "",
        )
