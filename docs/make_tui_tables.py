"""Writes the tables of docs/tui.md, of panes and of keys and commands, from what the program has.

python docs/make_tui_tables.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tui.md"
_PANE_KEYS = "1234567890Yor"
sys.path.insert(0, str(ROOT))


def render(page: str) -> str:
    """The page with its tables as they are to be."""
    for name, table in (("panes", pane_table()), ("verbs", verb_tables())):
        begin, end = f"<!-- {name}: make docs -->\n", f"<!-- end of {name} -->\n"
        old = re.compile(f"(?<={re.escape(begin)}).*(?={re.escape(end)})", re.DOTALL)
        page, count = old.subn(lambda _, table=table: f"\n{table}\n", page)
        if count != 1:
            raise SystemExit(f"{PAGE.name} has no single place for {name}")
    return page


def pane_table() -> str:
    """Every pane with its key."""
    from replay.tui import panes  # which loads all of them
    from replay.tui.widgets.pane import Pane

    assert panes
    found = sorted(_below(Pane), key=lambda pane: _PANE_KEYS.find(pane.KEY))
    rows = (f"| `{pane.KEY}` | {pane.TITLE} | {pane.ABOUT} |" for pane in found)
    return "\n".join(["| key | pane | |", "|---|---|---|", *rows]) + "\n"


def verb_tables() -> str:
    """Every verb with its keys and names, a table for each group."""
    from replay.tui.verbs import GROUPS, Verb, key_names

    def row(verb: Verb) -> str:
        keys = " ".join(f"`{_cell(name)}`" for name in key_names(verb))
        names = [f"`{_cell(f'{verb.command} {verb.usage}'.strip())}`", *map(_code, verb.short)]
        return f"| {keys} | {', '.join(names)} | {_cell(verb.about)} |"

    tables = []
    for group in GROUPS:
        rows = "\n".join(row(verb) for verb in group.verbs)
        tables.append(f"**{group.title}**\n\n| keys | command | |\n|---|---|---|\n{rows}\n")
    return "\n".join(tables)


def _below(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        if vars(each).get("NAME") and each.__module__.startswith("replay."):
            yield each
        yield from _below(each)


def _code(word: str) -> str:
    return f"`{word}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text("utf-8")), "utf-8")
