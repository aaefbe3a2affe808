"""What ``info`` tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay.export.words import counted, size_text
from replay.tui.desk import Desk, Refusal
from replay.tui.model.status import ending_text, time_text


async def answer_info(desk: Desk, argument: str) -> None:
    """Tell about one of the subjects, the first that begins so; raises ``Refusal`` where it is none
    of them."""
    word, _, rest = argument.strip().partition(" ")
    subject = next((name for name in SUBJECTS if word and name.startswith(word)), None)
    if subject is None or (
        rest and subject not in _PANES
    ):  # a pane shows the one that is named, too
        raise Refusal(f"info tells about {', '.join(SUBJECTS)}")
    if subject == "line":
        desk.answer(await _line(desk))
    elif subject in _PANES:
        desk.reveal(_PANES[subject])
    else:
        desk.answer(_ANSWERS[subject](desk))


async def _line(desk: Desk) -> str:
    places = await desk.ask(
        "info line",
        lambda explorer: explorer.symbols.call_stack(
            explorer.timeline.registers(), explorer.timeline.word
        ),
    )
    return "\n".join(f"{'by' if number else 'at'} {place}" for number, place in enumerate(places))


def _checkpoints(desk: Desk) -> str:
    kept = desk.recording.places.kept
    lines = [f"{number:>4} at {where}" for number, where in kept.items()]
    moment = desk.moment
    if moment is not None:
        lines.append(f"{counted(len(moment.checkpoints), 'state')} kept by the replay itself")
    return "\n".join(lines) or "no checkpoints"


def _bookmarks(desk: Desk) -> str:
    marks = sorted(desk.recording.notebook.bookmarks.items(), key=lambda each: each[1])
    return "\n".join(f"{name} at {where}" for name, where in marks) or "no bookmarks"


def _notes(desk: Desk) -> str:
    notes = sorted(desk.recording.notebook.notes.items())
    return "\n".join(f"{where}: {text}" for where, text in notes) or "no notes"


def _program(desk: Desk) -> str:
    moment = desk.moment
    if moment is None:
        return "the guest has not booted yet"
    lines = [f"at {moment.position} of {moment.end}, {moment.steps:,} steps from the start"]
    time_ns = desk.recording.time_ns(moment.position.event)
    if time_ns is not None:
        lines.append(f"{time_text(time_ns)} of the guest's time since its first look at a clock")
    lines.append(ending_text(moment.ending))
    return "\n".join(line for line in lines if line)


def _trace(desk: Desk) -> str:
    recording = desk.recording
    trace, header = recording.trace, recording.trace.header
    verdict = recording.verdict
    lines = [
        f"{recording.path}: {counted(trace.event_count, 'event')}, "
        f"{size_text(trace.file.size_bytes)}, {'complete' if trace.complete else 'incomplete'}",
        f"guest {header.guest.name}, target {header.guest.target}, "
        f"memory {size_text(header.machine.mem_size)}",
        f"recorded on engine {header.machine.engine} by {header.created_by}",
        f"command line {header.boot.command_line.decode('utf-8', 'replace')!r}",
        f"damage: {trace.damage}" if trace.damage else "",
        f"replayed as a whole: {verdict}" if verdict is not None else "",
    ]
    return "\n".join(line for line in lines if line)


_PANES = {
    "breakpoints": "watches",
    "watchpoints": "watches",
    "display": "watches",
    "registers": "registers",
    "frame": "stack",
    "stack": "stack",
    "events": "events",
    "source": "code",
}
_ANSWERS: Mapping[str, Callable[[Desk], str]] = {
    "checkpoints": _checkpoints,
    "bookmarks": _bookmarks,
    "notes": _notes,
    "program": _program,
    "trace": _trace,
}
SUBJECTS = ("line", *_PANES, *_ANSWERS)
"""What ``info`` tells about, the likeliest first."""
