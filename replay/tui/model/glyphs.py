"""The signs beside code and titles, for terminals with and without more than ASCII."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One character each: marks in the gutter, and parts of arrows."""

    enabled: str
    disabled: str
    bookmark: str
    here: str
    chosen: str
    passing: str
    along: str
    top: str
    bottom: str
    head: str
    opened: str
    closed: str
    change: str = "*"

    def pointer(self, *, is_here: bool) -> str:
        """Where the guest stands, or what was chosen instead."""
        return self.here if is_here else self.chosen


UNICODE = Glyphs("●", "○", "◆", "▶", "▷", "│", "─", "╭", "╰", "→", "▾", "▸")
ASCII = Glyphs("B", "b", "#", ">", "-", "|", "-", ",", "`", ">", "-", "+")
