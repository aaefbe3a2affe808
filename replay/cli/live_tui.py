"""``solo5-record --tui``: the guest is recorded by a child of this program, and looked at here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.exit_codes import RecordStatus
from replay.cli.messages import say
from replay.cli.record_options import RecordOptions
from replay.cli.recorder_process import RecorderProcess

if TYPE_CHECKING:
    from traces.reader import Trace

_PROGRAM = "solo5-record"
_TUI = "--tui"
_LOOK_AGAIN_S = 0.02
_PATIENCE_S = 10.0
"""For a recorder that was asked to end, until it is asked again."""


def record_and_browse(words: Sequence[str], options: RecordOptions) -> int:
    """Record as ``words`` say, without ``--tui``, and look at it; the exit status is the
    recorder's, or 0 where it was left recording."""
    from replay.cli.tui import why_no_screen

    if problem := why_no_screen():
        say(_PROGRAM, problem)
        return RecordStatus.REFUSED
    path = next(path for path in options.traces() if options.output or not os.path.lexists(path))
    is_free = not os.path.lexists(path)
    process = RecorderProcess(recorder_words(words, options, path))
    try:
        # Where there is a file already, the recorder says what there is to say.
        trace = first_sight(path, lambda: process.wait(_LOOK_AGAIN_S)) if is_free else None
        if trace is not None:
            with trace:
                _browse(trace, options, process)
        elif not is_free:
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        status = end(process, path)
    return status


def recorder_words(words: Sequence[str], options: RecordOptions, path: Path) -> list[str]:
    """The command line of the recorder itself, which is told where to record."""
    mine = len(words) - len(options.guest_arguments) - 1
    return [f"--output={path}", *(word for word in words[:mine] if word != _TUI), *words[mine:]]


def first_sight(path: Path, has_ended: Callable[[], bool]) -> Trace | None:
    """The trace, once it has all that a replay begins with; None where there will be none.
    ``has_ended`` waits a little and says whether there is nobody to wait for any more."""
    while True:
        ended = has_ended()
        trace = _open_whole(path)
        if trace is not None or ended:
            return trace


def _open_whole(path: Path) -> Trace | None:
    from traces.errors import TraceError
    from traces.reader import open_trace

    try:
        trace = open_trace(path)
    except TraceError:
        return None
    try:
        trace.guest()
    except TraceError:
        trace.close()
        return None
    return trace


def _browse(trace: Trace, options: RecordOptions, process: RecorderProcess) -> None:
    from replay.cli.tui import Browsing, browse
    from replay.player.session import Changes

    guest = None if options.embed else Path(options.guest).read_bytes()
    browse(trace, Browsing(follow=True), Changes(guest), process)


def end(process: RecorderProcess, path: Path, patience_s: float = _PATIENCE_S) -> int:
    """Let a recorder that was released go on; end any other, and say what it has said."""
    try:
        if process.is_free and process.status is None:
            say(
                _PROGRAM,
                f"still recording into {path}, as process {process.pid}: "
                f"`solo5-replay {path} --tui --follow` looks at it, `kill -INT {process.pid}` "
                "ends it",
            )
            return 0
        status = _end(process, patience_s)
        sys.stderr.write(process.all_said())
        return status
    finally:
        process.close()


def _end(process: RecorderProcess, patience_s: float) -> int:
    for stop in (process.stop, process.stop, process.kill):
        if process.status is not None:
            break
        stop()
        process.wait(patience_s)
    return RecordStatus.TOOL_FAILURE if process.status is None else process.status
