"""Comparing console output with an expectation."""

from __future__ import annotations

import pytest

from replay.toolchain.transcript import Mismatch, compare_transcript


@pytest.mark.parametrize(
    ("expected", "console"),
    [
        ("", b""),
        ("a\nb\n", b"a\nb\n"),
        ("no line end", b"no line end"),
        ("\n\n", b"\n\n"),
        ("a.c\n", b"a.c\n"),
        ("~ rip=0x[0-9a-f]+\n", b"rip=0x10ab\n"),
        ("~3 Solo5: .*\nend\n", b"Solo5: 1\nSolo5: 2\nSolo5: 3\nend\n"),
        ("~* x\nend\n", b"end\n"),
        ("~* x\nend\n", b"x\nx\nend\n"),
        ("~ \\x00\n", b"\0"),
        ("~ \\xff\n", b"\xff\n"),
        ("~no space, so no pattern\n", b"~no space, so no pattern\n"),
    ],
)
def test_a_transcript_that_is_as_expected(expected: str, console: bytes) -> None:
    assert compare_transcript(expected, console) is None


@pytest.mark.parametrize(
    ("expected", "console", "mismatch"),
    [
        ("a\n", b"b\n", Mismatch(1, "a", "b")),
        ("a.c\n", b"abc\n", Mismatch(1, "a.c", "abc")),
        ("a\nb\n", b"a\n", Mismatch(2, "b", None)),
        ("a\n", b"a\nb\n", Mismatch(2, None, "b")),
        ("~ [0-9]\n", b"12\n", Mismatch(1, "~ [0-9]", "12")),
        ("~2 x\n", b"x\ny\n", Mismatch(2, "~2 x", "y")),
        ("~2 x\n", b"x\nx\nx\n", Mismatch(3, None, "x")),
        ("~* x\n", b"x\ny\n", Mismatch(2, None, "y")),
    ],
)
def test_the_first_wrong_line_is_reported(
    expected: str, console: bytes, mismatch: Mismatch
) -> None:
    assert compare_transcript(expected, console) == mismatch


def test_a_mismatch_says_where_and_what() -> None:
    assert str(Mismatch(3, "a", None)) == "line 3: expected 'a', found the end"
