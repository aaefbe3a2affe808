"""How a run ended, by its last event."""

from __future__ import annotations

from monitors.calls.lifecycle import MisuseKind
from replay.export.words import one_line
from replay.machine.ending import Halted
from traces.events import Event


def exit_status(event: Event) -> int | None:
    """What a shell sees of a guest that ends with ``event``; None where it goes on."""
    inputs = dict(event.call.fields)
    match event.call.name, inputs:
        case "Halt", {"status": int(status)}:
            return Halted(status).process_status
        case "Misuse", {"kind": str(kind)}:
            return MisuseKind[kind].process_status
    return None


def ending_text(event: Event) -> str | None:
    """The same in words."""
    status = exit_status(event)
    if status is None:
        return None
    inputs = dict(event.call.fields)
    if "detail" in inputs:
        return f"ended with status {status}: {one_line(str(inputs['detail']))}"
    return f"exited with status {status}"
