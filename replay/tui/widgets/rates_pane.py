"""How busy the run is, kind by kind."""

from __future__ import annotations

from typing import ClassVar

from replay.tui.explorer import Moment
from replay.tui.model.rates import measure, rate_rows
from replay.tui.recording import Recording
from replay.tui.widgets.pane import Pane
from traces.columns import EVENTS_MAX


class RatesPane(Pane):
    """Events each second, and how a recording that goes on is followed."""

    NAME: ClassVar[str] = "rates"
    TITLE: ClassVar[str] = "Rates"
    KEY: ClassVar[str] = "r"
    ABOUT: ClassVar[str] = "events by kind and second at the end of the recording; how far behind"

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def on_show(self) -> None:
        """It was not measured while nobody saw it."""
        self.show_news()

    def show(self, moment: Moment) -> None:  # noqa: ARG002
        """The guest stands somewhere else."""
        self.show_news()

    def show_news(self) -> None:
        """More events are known, or the recorder does something else."""
        if not self.display:
            return
        recording = self._recording
        follower = recording.follower
        states = follower.states() if recording.was_incomplete else {}
        if recording.columns.event_count == EVENTS_MAX < recording.trace.event_count:
            states["counted"] = f"the first {EVENTS_MAX:,} events only"
        self.set_rows(rate_rows(measure(recording.columns), states))
