"""What a command's argument may be, for the command line to complete it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitors.calls.names import CALL_NAMES
from replay.player.origins import FOLLOWED
from replay.tui.handlers.info import SUBJECTS
from replay.tui.model.symbol_search import SymbolNames
from replay.tui.verbs import UnknownCommand, completions, find_verb

_MAX = 200
_GOALS = ("call:", "console:", "end", "read:", "start", "write:")


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to name."""

    panes: Sequence[str] = ()
    themes: Sequence[str] = ()
    bookmarks: Sequence[str] = ()
    checkpoints: Sequence[str] = ()
    symbols: SymbolNames | None = None


def completed(text: str, known: Known) -> list[str]:
    """Lines that begin with ``text``, which is what was typed behind ``:``; at most so many that
    one can look at them."""
    word, space, argument = text.partition(" ")
    if not space:
        return completions(word)
    try:
        command = find_verb(word.partition("/")[0]).command
    except UnknownCommand:
        return []
    candidates = _ARGUMENTS.get(command)
    if candidates is None:
        return []
    head, last = _last_word(argument, command)
    beginning = f"{word} {head}"
    return [f"{beginning}{each}" for each in candidates(known, last) if each.startswith(last)][
        :_MAX
    ]


def _last_word(argument: str, command: str) -> tuple[str, str]:
    """What is not completed, and what is."""
    if command not in _EXPRESSIONS and command != "filter":
        return "", argument
    at = max(argument.rfind(letter) for letter in " &$*+-([") + 1
    if at and argument[at - 1] == "$":
        at -= 1
    return argument[:at], argument[at:]


def _functions(known: Known, text: str) -> Iterable[str]:
    return () if known.symbols is None else known.symbols.beginning(text, functions=True)


def _variables(known: Known, text: str) -> Iterable[str]:
    if text.startswith("$"):
        return sorted(f"${name}" for name in FOLLOWED)
    return () if known.symbols is None else known.symbols.beginning(text, functions=False)


def _goals(known: Known, text: str) -> Iterable[str]:
    kind, colon, rest = text.partition(":")
    if colon and kind in ("write", "read"):
        return [f"{kind}:{name}" for name in _variables(known, rest)]
    if colon and kind == "call":
        return [f"call:{name}" for name in CALL_NAMES]
    return [*_GOALS, *_functions(known, text)]


_EXPRESSIONS = frozenset({"print", "x", "display", "watch", "rwatch", "awatch", "why", "last"})
_ARGUMENTS: Mapping[str, Callable[[Known, str], Iterable[str]]] = {
    **dict.fromkeys(_EXPRESSIONS, _variables),
    **dict.fromkeys(("break", "tbreak", "list", "symbol"), _functions),
    "until": _goals,
    "back-to": _goals,
    "focus": lambda known, _: known.panes,
    "hide": lambda known, _: known.panes,
    "theme": lambda known, _: known.themes,
    "seek": lambda known, _: ("end", "start", *known.bookmarks, *known.checkpoints),
    "restart": lambda known, _: known.checkpoints,
    "forget": lambda known, _: known.bookmarks,
    "next-event": lambda _, __: CALL_NAMES,
    "previous-event": lambda _, __: CALL_NAMES,
    "filter": lambda _, __: [f"call:{name}" for name in CALL_NAMES],
    "info": lambda _, __: SUBJECTS,
    "help": lambda _, text: completions(text),
}
