"""Which panes there are, and where on the screen each of them is."""

from __future__ import annotations

from collections.abc import Mapping

from replay.tui.model.arrangement import BOTTOM, CENTRE, LEFT, RIGHT, RIGHT_BELOW
from replay.tui.recording import Recording
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.console_pane import ConsolePane
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.memory_pane import MemoryPane
from replay.tui.widgets.notes_pane import NotesPane
from replay.tui.widgets.output_pane import OutputPane
from replay.tui.widgets.pane_group import PaneGroup
from replay.tui.widgets.rates_pane import RatesPane
from replay.tui.widgets.registers_pane import RegistersPane
from replay.tui.widgets.stack_pane import StackPane
from replay.tui.widgets.table_pane import BlocksPane, NetworkPane
from replay.tui.widgets.watches_pane import WatchesPane
from replay.tui.widgets.why_pane import WhyPane


def make_groups(recording: Recording) -> Mapping[str, PaneGroup]:
    """The groups of panes by the place that they have."""
    panes = {
        LEFT: (EventsPane(recording),),
        CENTRE: (CodePane(),),
        RIGHT: (RegistersPane(),),
        RIGHT_BELOW: (StackPane(), WatchesPane()),
        BOTTOM: (
            ConsolePane(recording),
            MemoryPane(recording),
            NetworkPane(recording),
            BlocksPane(recording),
            RatesPane(recording),
            NotesPane(recording),
            WhyPane(),
            OutputPane(),
        ),
    }
    return {place: PaneGroup(group, id=place) for place, group in panes.items()}
