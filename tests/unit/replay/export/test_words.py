"""Numbers and texts as people read them."""

from __future__ import annotations

import pytest

from replay.export.words import counted, one_line, printable, size_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[2J\x00\x7f\x9b", "\\x1b[2J\\x00\\x7f\\x9b"),
    ],
)
def test_nothing_that_a_terminal_obeys(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 'quoted'", "plain é 漢 'quoted'"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[2J\u202e\u2028", r"\x1b[2J\u202e\u2028"),
        ("\udcff\U000e0001", r"\udcff\U000e0001"),
        ("", ""),
    ],
)
def test_one_line_shows_only_what_is_visible(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (1000, "1000 events")]
)
def test_counted(count: int, text: str) -> None:
    assert counted(count, "event") == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 30, "3.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
