"""The tables of docs/tui.md against the program."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "make_tui_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_program() -> None:
    page = (ROOT / "docs" / "tui.md").read_text("utf-8")
    assert page == maker().render(page), "python docs/make_tui_tables.py writes them anew"


def test_every_pane_has_a_key_of_its_own() -> None:
    keys = re.findall(r"^\| `(.)` \|", maker().pane_table(), re.MULTILINE)
    assert len(keys) > 10
    assert len(set(keys)) == len(keys)
