"""The table of verbs is sound, and words mean what gdb's users expect."""

from __future__ import annotations

from collections import Counter

import pytest

from replay.tui.verbs import (
    UnknownCommand,
    Verb,
    all_verbs,
    completions,
    find_verb,
    key_names,
)


def test_no_key_and_no_name_means_two_things() -> None:
    keys = Counter(key for verb in all_verbs() for key in verb.keys.split(",") if key)
    names = Counter(name for verb in all_verbs() for name in (verb.command, *verb.short))
    assert [key for key, count in keys.items() if count > 1] == []
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("s", "step"),
        ("n", "next"),
        ("c", "continue"),
        ("rc", "reverse-continue"),
        ("reverse-c", "reverse-continue"),
        ("b", "break"),
        ("bre", "break"),
        ("tb", "tbreak"),
        ("i", "info"),
        ("si", "stepi"),
        ("rsi", "reverse-stepi"),
        ("fin", "finish"),
        ("u", "until"),
        ("p", "print"),
        ("x", "x"),
        ("f", "frame"),
        ("q", "quit"),
        ("d", "delete"),
        ("h", "help"),
        ("wat", "watch"),
        ("step", "step"),
    ],
)
def test_abbreviations(word: str, command: str) -> None:
    assert find_verb(word).command == command


@pytest.mark.parametrize("word", ["", "k", "reverse-", "prev", "stepping", "re"])
def test_what_means_nothing_or_too_much(word: str) -> None:
    with pytest.raises(UnknownCommand):
        find_verb(word)


def test_several_meanings_are_named() -> None:
    with pytest.raises(UnknownCommand, match="reverse-step"):
        find_verb("reverse-")


def test_completions() -> None:
    assert completions("reverse-s") == ["reverse-step", "reverse-stepi"]
    assert completions("zz") == []


def test_keys_as_people_read_them() -> None:
    assert key_names(find_verb("step")) == ["s", "F11"]
    assert key_names(find_verb("search-previous")) == [","]
    assert key_names(find_verb("print")) == []


@pytest.mark.parametrize("verb", all_verbs(), ids=lambda verb: verb.command)
def test_every_verb_is_described(verb: Verb) -> None:
    assert verb.about
    assert not verb.about.endswith(".")
    assert verb.command.replace("-", "").isalpha()
