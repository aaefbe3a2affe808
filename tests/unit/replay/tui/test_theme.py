"""What roles look like."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from replay.tui.model.rows import Role
from replay.tui.theme import role_styles

PLAIN = role_styles({})


@pytest.mark.parametrize("role", Role)
def test_without_a_theme_there_are_no_colours(role: Role) -> None:
    assert PLAIN[role].color is None


@pytest.mark.parametrize(
    "role", [Role.CHANGED, Role.CURRENT, Role.MARK, Role.MATCH, Role.BAD, Role.TITLE]
)
def test_what_matters_shows_without_colours_too(role: Role) -> None:
    assert PLAIN[role] != Style()


def test_colours_are_the_themes() -> None:
    styles = role_styles({"text-error": "#ff0000", "text-success": "ansi_green", "other": "x"})
    assert styles[Role.BAD] == PLAIN[Role.BAD] + Style(color=Color.parse("#ff0000"))
    assert styles[Role.TEXT] == Style()
    assert styles[Role.NAME].color is None


@pytest.mark.parametrize("value", ["", "auto 87%", "no such colour", "#12"])
def test_a_colour_that_is_none_is_left_out(value: str) -> None:
    assert role_styles({"text-error": value}) == PLAIN
