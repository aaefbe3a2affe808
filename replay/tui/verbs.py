"""All that can be done, in one table: keys, the command line, the palette, the help screen and the
document about them are made of it.

Commands are gdb's wherever gdb has them, and are abbreviated as there: by any beginning that is
unique, or by the short names that gdb's users type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Verb:
    """``command`` is what is typed behind ``:``, ``usage`` its arguments, ``short`` other names;
    ``keys`` as Textual names them, with commas between them: each is as the command without an
    argument. What it does is in ``replay.tui.handlers``."""

    command: str
    about: str
    keys: str = ""
    usage: str = ""
    short: tuple[str, ...] = ()
    shown: bool = False
    """Whether the footer shows the key."""


@dataclass(frozen=True, slots=True)
class VerbGroup:
    """Verbs that belong together."""

    title: str
    verbs: Sequence[Verb]


MOVING = VerbGroup(
    "Moving through the run",
    (
        Verb("step", "to the next source line", "s,f11", "[N]", ("s",), shown=True),
        Verb("reverse-step", "to the line before", "S,shift+f11", "[N]", ("rs",)),
        Verb("next", "to the next line, over calls", "n,f10", "[N]", ("n",), shown=True),
        Verb("reverse-next", "to the line before, over calls", "N,shift+f10", "[N]", ("rn",)),
        Verb("finish", "out of the function, behind its call", "f", "", ("fin",)),
        Verb("reverse-finish", "back to the call of the function", "F"),
        Verb("stepi", "one instruction on", "i", "[N]", ("si",)),
        Verb("reverse-stepi", "one instruction back", "I", "[N]", ("rsi",)),
        Verb("nexti", "one instruction on, over calls", "", "", ("ni",)),
        Verb("reverse-nexti", "one instruction back, over calls", "", "", ("rni",)),
        Verb(
            "continue",
            "on to a breakpoint, a watched access, or the end",
            "c,f5",
            "[N]",
            short=("c", "fg"),
            shown=True,
        ),
        Verb(
            "reverse-continue",
            "back to a breakpoint, a watched access, or the start",
            "C,shift+f5",
            "[N]",
            short=("rc",),
            shown=True,
        ),
        Verb("next-event", "to the next event of the kind in the focused pane", "]", "[KIND]"),
        Verb("previous-event", "to the one before", "[", "[KIND]", ("prev-event",)),
        Verb("next-mark", "to the next bookmark or note", "}"),
        Verb("previous-mark", "to the one before", "{", short=("prev-mark",)),
        Verb("next-checkpoint", "to the next checkpoint", ")"),
        Verb("previous-checkpoint", "to the one before", "(", short=("prev-checkpoint",)),
        Verb("start", "to the start of the run", "<", "", ("run", "r")),
        Verb("end", "to the end of the run", ">", shown=True),
        Verb("seek", "to a position, event, bookmark or checkpoint", "g", "PLACE", ("goto",)),
        Verb(
            "until",
            "on to a goal: FUNCTION, FILE:LINE, call:NAME, console:TEXT, write:VAR, …",
            "",
            "GOAL",
            ("advance", "forward-to", "u"),
        ),
        Verb("back-to", "back to a goal", "", "GOAL", ("reverse-until",)),
        Verb("back", "to where the guest stood before", "u,alt+left"),
        Verb("forward", "and forth again", "U,alt+right"),
        Verb("cancel", "stop the journey under way", "escape"),
    ),
)

ASKING = VerbGroup(
    "Asking",
    (
        Verb(
            "why",
            "where a value comes from: its last write, and the call that brought it",
            "y",
            "[EXPR|$REGISTER]",
            ("origin",),
            shown=True,
        ),
        Verb("last", "go to the last write of a value", "W", "[EXPR|$REGISTER]", ("last-write",)),
        Verb("print", "the value of an expression", "", "[/FMT] EXPR", ("p", "inspect")),
        Verb("x", "memory at an address, in the memory pane", "", "[/FMT] ADDRESS"),
        Verb("backtrace", "the calls that lead here, in the stack pane", "", "", ("bt", "where")),
        Verb("frame", "look at a call on the stack", "", "[N]", ("f",)),
        Verb("up", "the caller's frame", "ctrl+up", "[N]"),
        Verb("down", "the callee's frame", "ctrl+down", "[N]"),
        Verb(
            "list", "code of a function, a line or an address", "", "[PLACE]", ("l", "disassemble")
        ),
        Verb(
            "info",
            "about the guest: breakpoints, registers, checkpoints, bookmarks, notes, line, trace",
            "",
            "WHAT",
            ("i",),
        ),
    ),
)

MARKING = VerbGroup(
    "Breakpoints, watches and marks",
    (
        Verb(
            "break",
            "stop there; `if CONDITION` may follow",
            "b",
            "[PLACE [if CONDITION]]",
            ("b", "br", "brea"),
        ),
        Verb("tbreak", "stop there once", "", "PLACE [if CONDITION]", ("tb",)),
        Verb("watch", "stop when memory is written", "w", "[EXPR [if CONDITION]]", ("wa",)),
        Verb("rwatch", "stop when memory is read", "", "EXPR", ("rw",)),
        Verb("awatch", "stop at both", "", "EXPR", ("aw",)),
        Verb("display", "show an expression at every stop", "D", "[/FMT] EXPR", ("disp",)),
        Verb("undisplay", "show it no more", "", "N …"),
        Verb("condition", "stop only where it holds; without EXPR, always", "", "N [EXPR]"),
        Verb(
            "delete",
            "remove a breakpoint or watch, or what is chosen in the watches pane",
            "delete",
            "[N …]",
            ("d", "del"),
        ),
        Verb("enable", "let it stop again", "", "N …", ("en",)),
        Verb("disable", "let it not stop", "", "N …", ("dis",)),
        Verb("bookmark", "keep this place under a name", "m", "[NAME]", ("mark",)),
        Verb("forget", "forget a bookmark, or the note of this place", "", "[NAME]"),
        Verb("note", "write a note of this place", "a", "[TEXT]"),
        Verb("checkpoint", "keep this place under a number, for `restart`", "", "", ("ch",)),
        Verb("restart", "go to a numbered checkpoint, or the start", "", "[N]"),
    ),
)

LOOKING = VerbGroup(
    "Looking around",
    (
        Verb("focus", "go to a pane", "", "PANE", ("fs", "pane")),
        Verb("zoom", "the focused pane alone, and back", "z"),
        Verb("hide", "hide the focused pane's place, or show all again", "x", "[PANE]"),
        Verb("show", "show all places again", "X"),
        Verb("grow", "make the focused pane larger", "+,="),
        Verb("shrink", "make it smaller", "-"),
        Verb("view", "show the same in another way (source, disassembly, …)", "v"),
        Verb("time", "other times: since the start, of the day", "t"),
        Verb("axis", "the bar above in equal parts by events, or by the guest's time", "T"),
        Verb(
            "search", "look for text in the focused pane", "/", "TEXT", ("find", "forward-search")
        ),
        Verb("search-next", "the next one", "."),
        Verb("search-previous", "the one before", "comma"),
        Verb(
            "filter",
            "only events of a kind, or with a text; nothing: all",
            "&",
            "[call:KIND,…] [TEXT]",
        ),
        Verb("symbol", "look for a function or variable", "@", "TEXT"),
        Verb("follow", "follow a recording that is going on, or pause", "space"),
    ),
)

SESSION = VerbGroup(
    "The session",
    (
        Verb("command", "type a command", ":", shown=True),
        Verb("help", "this list", "question_mark,f1", "[COMMAND]", ("h",), shown=True),
        Verb("theme", "change colours", "", "[NAME]"),
        Verb(
            "source", "look for source files in a folder, too", "", "FOLDER", ("directory", "dir")
        ),
        Verb("screenshot", "save a picture of the screen (SVG)", "P", "[FILE]"),
        Verb("quit", "leave; where you are is remembered", "q", "", ("exit", "q"), shown=True),
    ),
)

GROUPS = (MOVING, ASKING, MARKING, LOOKING, SESSION)
KEY_NAMES = {
    "question_mark": "?",
    "escape": "Esc",
    "delete": "Del",
    "space": "Space",
    "shift+f11": "Shift+F11",
    "shift+f10": "Shift+F10",
    "shift+f5": "Shift+F5",
    "alt+left": "Alt+←",
    "alt+right": "Alt+→",
    "ctrl+up": "Ctrl+↑",
    "ctrl+down": "Ctrl+↓",
    "comma": ",",
    "f1": "F1",
    "f5": "F5",
    "f10": "F10",
    "f11": "F11",
}


class UnknownCommand(Exception):
    """Nothing is called so, or several things begin so; the text is for people."""


@cache
def all_verbs() -> tuple[Verb, ...]:
    """Every verb, in the order of the table."""
    return tuple(verb for group in GROUPS for verb in group.verbs)


def key_names(verb: Verb) -> list[str]:
    """A verb's keys as people read them."""
    return [KEY_NAMES.get(key, key) for key in verb.keys.split(",") if key] or []


def find_verb(word: str) -> Verb:
    """The verb that a word means: by its name, a short name, or a beginning of only one name.

    Raises ``UnknownCommand``.
    """
    named = {name: verb for verb in all_verbs() for name in (*verb.short, verb.command)}
    if word in named:
        return named[word]
    meant = {verb.command: verb for name, verb in named.items() if word and name.startswith(word)}
    if len(meant) == 1:
        return next(iter(meant.values()))
    if meant:
        raise UnknownCommand(f"{word}: is it {_either(meant)}?")
    raise UnknownCommand(f"there is no command {word!r}; F1 lists them all")


def completions(word: str) -> list[str]:
    """The names of commands that begin with ``word``."""
    return sorted(verb.command for verb in all_verbs() if verb.command.startswith(word))


def _either(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return f"{', '.join(ordered[:-1])} or {ordered[-1]}"
