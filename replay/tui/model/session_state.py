"""What is remembered of a session beside its trace: where one was, breakpoints, and the screen.

The file is JSON, and somebody may have written anything into it; what cannot be read is left alone
and told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.machine.position import Position, parse_position
from replay.tui.model.arrangement import PLACES, Wishes

SESSION_SUFFIX = ".session.json"
SESSION_BYTES_MAX = 1 << 20
_VERSION = 1


class BadSession(Exception):
    """What is beside the trace is not a session of ours; the text says why."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """``points`` are breakpoints, watches and displays as their model writes them, ``pane`` the
    name of the focused pane, and ``theme`` the name of the colours."""

    position: Position = field(default=Position(0))
    points: Mapping[str, Any] = field(default_factory=dict)
    pane: str = ""
    theme: str = ""
    wishes: Wishes = field(default_factory=Wishes)


def session_to_text(state: SessionState) -> str:
    """The file's content."""
    content = {
        "version": _VERSION,
        "position": str(state.position),
        "points": state.points,
        "pane": state.pane,
        "theme": state.theme,
        "shares": dict(state.wishes.shares),
        "hidden": sorted(state.wishes.hidden),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def session_from_text(text: str) -> SessionState:
    """The session in a file's content; raises ``BadSession``."""
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r}")
        return SessionState(
            parse_position(content["position"]),
            dict(content["points"]),
            str(content["pane"]),
            str(content["theme"]),
            _wishes(content),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadSession(f"no session of this version ({error})") from error


def _wishes(content: Mapping[str, Any]) -> Wishes:
    shares = {place: int(share) for place, share in content["shares"].items() if place in PLACES}
    wishes = Wishes({**Wishes().shares, **shares})
    for place in PLACES:
        wishes = wishes.resized(place, 0)  # which keeps it within bounds
    for place in content["hidden"]:
        if place in PLACES:
            wishes = wishes.without(place)
    return wishes
