"""What a command line may be completed to."""

from __future__ import annotations

import pytest

from replay.player.symbols import Symbol
from replay.tui import completing
from replay.tui.completing import Known, completed
from replay.tui.model.symbol_search import SymbolNames
from replay.tui.verbs import find_verb

KNOWN = Known(
    panes=("code", "console"),
    themes=("dark", "light"),
    bookmarks=("here",),
    checkpoints=("c1",),
    symbols=SymbolNames(
        [Symbol(0x100, "tick", 4), Symbol(0x200, "total_of", 4)], [Symbol(0x900, "total", 8)]
    ),
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("reverse-s", ["reverse-step", "reverse-stepi"]),
        ("no such", []),
        ("nothing", []),
        ("rev x", []),
        ("b ti", ["b tick"]),
        ("break to", ["break total_of"]),
        ("watch to", ["watch total"]),
        ("p/x to", ["p/x total"]),
        ("print 8 * (to", ["print 8 * (total"]),
        ("display /x to", ["display /x total"]),
        ("why $rsp", ["why $rsp"]),
        ("print total + $rbp", ["print total + $rbp"]),
        ("until to", ["until total_of"]),
        ("until write:to", ["until write:total"]),
        ("until co", ["until console:"]),
        ("back-to call:NetR", ["back-to call:NetRead"]),
        ("focus co", ["focus code", "focus console"]),
        ("seek ", ["seek end", "seek start", "seek here", "seek c1"]),
        ("restart ", ["restart c1"]),
        ("forget h", ["forget here"]),
        ("theme d", ["theme dark"]),
        ("next-event NetR", ["next-event NetRead"]),
        ("filter words call:NetR", ["filter words call:NetRead"]),
        ("info li", ["info line"]),
        ("help reverse-f", ["help reverse-finish"]),
        ("step 5", []),
    ],
)
def test_lines_go_on_as_they_may(text: str, lines: list[str]) -> None:
    assert completed(text, KNOWN) == lines


def test_a_guest_without_names_or_before_they_are_known() -> None:
    for known in (Known(), Known(symbols=SymbolNames([], []))):
        assert completed("break ", known) == []
        assert completed("print to", known) == []
        assert completed("until st", known) == ["until start"]


def test_no_more_than_one_can_look_at() -> None:
    many = SymbolNames([Symbol(n, f"camlList__{n}", 1) for n in range(5000)], [])
    assert len(completed("break caml", Known(symbols=many))) <= completing._MAX


@pytest.mark.parametrize("command", sorted(completing._ARGUMENTS))
def test_what_has_arguments_to_complete_is_a_command(command: str) -> None:
    assert find_verb(command).command == command
    assert all(line.startswith(f"{command} ") for line in completed(f"{command} ", KNOWN))
