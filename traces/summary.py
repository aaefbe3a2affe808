"""A run's end as a trace keeps it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from traces.limits import TEXT_BYTES_MAX
from traces.maps import MapView


class Outcome(enum.IntEnum):
    """How a run ended. The numbers are part of the trace format."""

    HALTED = 1
    MISUSE = 2
    INTERRUPTED = 3
    HOST_FAILURE = 4
    REFUSED = 5
    SALVAGED = 6


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended, and totals to compare a replay with.

    ``status`` is the guest's (signed 32-bit) where it halted; ``events`` and ``console_bytes`` are
    totals; ``instructions`` executed since the last event, None when nobody counted; ``detail`` is
    text for a person. SALVAGED: the file was cut at damage, and how the run ended is not known.
    """

    outcome: Outcome
    status: int = 0
    events: int = 0
    console_bytes: int = 0
    instructions: int | None = None
    detail: str = ""


def summary_to_map(summary: Summary) -> dict[str, object]:
    """The map of a summary, its keys in the format's order; long details are cut."""
    return {
        "outcome": int(summary.outcome),
        "status": summary.status,
        "events": summary.events,
        "console_bytes": summary.console_bytes,
        "instructions": summary.instructions,
        "detail": summary.detail[:TEXT_BYTES_MAX],
    }


def summary_from_map(value: object) -> Summary:
    """The summary in a map; raises Corrupt for what does not fit."""
    view = MapView(value, "summary")
    return Summary(
        outcome=Outcome(view.integer("outcome", Outcome.HALTED, Outcome.SALVAGED)),
        status=view.integer("status", -(2**31), 2**31 - 1),
        events=view.integer("events"),
        console_bytes=view.integer("console_bytes"),
        instructions=view.optional_integer("instructions"),
        detail=view.text("detail", TEXT_BYTES_MAX),
    )
