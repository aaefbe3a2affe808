"""What the roles of text look like in a theme.

Colours come from the theme's variables. Whatever matters is told by an attribute or a sign in the
text as well, for terminals without colour and people who do not see it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color, ColorParseError
from rich.style import Style

from replay.tui.model.rows import Role

_PLAIN = Style()
_LOOKS: Mapping[Role, tuple[str, Style]] = {
    Role.TEXT: ("", _PLAIN),
    Role.DIM: ("text-muted", Style(dim=True)),
    Role.TITLE: ("text-primary", Style(bold=True)),
    Role.ADDRESS: ("text-muted", Style(dim=True)),
    Role.NUMBER: ("text-secondary", _PLAIN),
    Role.NAME: ("text-primary", _PLAIN),
    Role.KEYWORD: ("text-accent", Style(bold=True)),
    Role.TYPE: ("text-secondary", _PLAIN),
    Role.STRING: ("text-success", _PLAIN),
    Role.COMMENT: ("text-muted", Style(italic=True, dim=True)),
    Role.MNEMONIC: ("text-accent", _PLAIN),
    Role.CHANGED: ("text-warning", Style(bold=True)),
    Role.CURRENT: ("text-warning", Style(bold=True)),
    Role.INPUT: ("text-success", _PLAIN),
    Role.OUTPUT: ("text-primary", _PLAIN),
    Role.MARK: ("text-error", Style(bold=True)),
    Role.MATCH: ("text-warning", Style(reverse=True)),
    Role.GOOD: ("text-success", _PLAIN),
    Role.WARNING: ("text-warning", _PLAIN),
    Role.BAD: ("text-error", Style(bold=True)),
}


def role_styles(variables: Mapping[str, str]) -> Mapping[Role, Style]:
    """The style of every role, by the variables of a theme."""
    return {
        role: look + _coloured(variables.get(variable, ""))
        for role, (variable, look) in _LOOKS.items()
    }


def _coloured(value: str) -> Style:
    try:
        return Style(color=Color.parse(value)) if value else _PLAIN
    except ColorParseError:  # a theme may compute a colour of its own ("auto 87%")
        return _PLAIN
