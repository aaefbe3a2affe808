"""What is under way, so that the user can see how far it is and end it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Undertaking:
    """A journey, a question or a search. Whoever works on it sets ``fraction``, from 0 to 1, where
    it is known, and ends early when ``is_cancelled``; from any thread."""

    title: str
    fraction: float | None = None
    is_cancelled: bool = False
    ticks: int = 0
    """Tenths of a second since its beginning."""
