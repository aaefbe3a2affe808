"""Looking at a recording in the terminal: ``solo5-replay --tui``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import ReplayStatus

if TYPE_CHECKING:
    from replay.machine.position import Position
    from replay.player.session import Changes
    from replay.tui.explorer import Explorer
    from traces.reader import Trace

_KEPT_SUFFIX = ".checkpoints"


@dataclass(frozen=True, slots=True)
class Browsing:
    """What was asked for: to begin ``at`` a position, or ``at_end``, or where the last session
    ended; folders of ``sources``; states to go back to take ``checkpoint_mib`` of memory and stay
    beside the trace when ``keeps_checkpoints``."""

    at: Position | None = None
    at_end: bool = False
    sources: Sequence[Path] = ()
    checkpoint_mib: int = 512
    keeps_checkpoints: bool = False


def browse(trace: Trace, wanted: Browsing, changes: Changes) -> int:
    """Until the user leaves; the exit status."""
    from replay.tui.app import ReplayApp
    from replay.tui.recording import Recording

    recording = Recording(trace, changes=changes)
    recording.begin()
    app = ReplayApp(recording, _opener(trace, wanted, changes))
    app.run()
    return app.return_code or ReplayStatus.FAITHFUL


def _opener(
    trace: Trace, wanted: Browsing, changes: Changes
) -> Callable[[Callable[[Position], object]], Explorer]:
    def open_explorer(progress: Callable[[Position], object]) -> Explorer:
        from replay.player.source_files import SourceFiles
        from replay.player.timeline import Timeline
        from replay.toolchain.bindings import guest_tree
        from replay.tui.explorer import Explorer

        timeline = Timeline(
            trace,
            checkpoint_memory=wanted.checkpoint_mib << 20,
            changes=changes,
            progress=progress,
            kept=Path(f"{trace.path}{_KEPT_SUFFIX}") if wanted.keeps_checkpoints else None,
        )
        # Guests of this toolchain name the sources that it has brought along.
        beside = (Path.cwd(), Path(trace.path).resolve().parent, guest_tree())
        return Explorer(timeline, SourceFiles(wanted.sources, beside))

    return open_explorer
