from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.export.checked import Checked, Kind
from replay.export.ci_text import (
    SUMMARY_BYTES_MAX,
    defused,
    github_error,
    github_summary,
    gitlab_section,
)
from tests.unit.replay.export.test_checked import FAILED


def test_an_annotation() -> None:
    found = replace(FAILED, trace="a:b,c.mp", text="50% lost\r\nreally")
    assert github_error(found) == (
        "::error title=a%3Ab%2Cc.mp%3A guest-failed::50%25 lost\\x0d%0Areally%0Aconsole: one"
        "%0Aconsole: two%0Ato look at it: solo5-replay a.mp --gdb -e"
    )
    placed = github_error(found, ("src/a,b.c", 7))
    assert placed.startswith("::error file=src/a%2Cb.c,line=7,title=")


@given(st.text(st.characters()))
def test_an_annotation_is_one_line_whatever_a_guest_prints(text: str) -> None:
    line = github_error(replace(FAILED, trace=text, text=text, console=(text,), command=text))
    assert "\n" not in line
    assert "\r" not in line
    head, _, message = line.removeprefix("::error ").partition("::")
    assert re.fullmatch(r"title=[^:,]*", head)
    assert re.fullmatch(r"(?:[^%]|%25|%0A|%0D)*", message)


@pytest.mark.parametrize(
    "text", ["::error::x", "  ::set-output name=a::b", "x ##[error]y", "##[group]", "::stop"]
)
def test_a_command_in_a_line_is_none(text: str) -> None:
    line = defused(text)
    assert not line.lstrip().startswith("::")
    assert "##[" not in line


def test_other_lines_stay() -> None:
    assert defused("a.mp: faithful: all :: well #[1]") == "a.mp: faithful: all :: well #[1]"


def test_a_summary() -> None:
    text = github_summary([Checked("good.mp", Kind.FAITHFUL, "fine"), FAILED])
    assert text.startswith("### solo5-replay: 2 traces, 1 to look at\n\n| trace | verdict | |\n")
    assert "| a.mp | guest\\-failed | faithful, guest failed as recorded |\n" in text
    assert "good.mp" not in text
    for title, line in (
        ("Console", "one\ntwo"),
        ("Last events", "#8 Halt"),
        ("Where the guest stands", "0x1 main+0x1"),
        ("To look at it", "solo5-replay a.mp --gdb -e"),
    ):
        assert f"\n{title}:\n\n```text\n{line}\n```\n" in text


def test_a_summary_without_anything_to_look_at() -> None:
    good = Checked("good.mp", Kind.FAITHFUL, "fine")
    assert github_summary([good]) == "### solo5-replay: 1 trace, 0 to look at\n\n"


def test_a_guest_cannot_leave_its_fence() -> None:
    text = github_summary([replace(FAILED, console=("````", "<b>bold</b>"))])
    assert "\n`````text\n````\n<b>bold</b>\n`````\n" in text


def test_a_guest_cannot_write_markdown_elsewhere() -> None:
    text = github_summary([replace(FAILED, text="</td> [x](http://y) | `z`\n# head")])
    assert "\\</td\\> \\[x\\]\\(http\\://y\\) \\| \\`z\\`\\\\n\\# head" in text


def test_a_long_summary_is_cut() -> None:
    long = replace(FAILED, console=("x" * 10_000,))
    text = github_summary([long] * 200)
    assert len(text.encode()) < SUMMARY_BYTES_MAX
    assert re.search(r"\n\(and more: \d+ left out\)\n$", text)


def test_a_section() -> None:
    lines = list(gitlab_section(replace(FAILED, trace="d/ü a.mp"), 3, 1_700_000_000))
    name = "replay_3_d_a.mp"
    assert lines[0] == (
        f"\x1b[0Ksection_start:1700000000:{name}[collapsed=true]\r\x1b[0Kd/ü a.mp: guest-failed"
    )
    assert lines[-1] == f"\x1b[0Ksection_end:1700000000:{name}\r\x1b[0K"
    assert lines[-3:-1] == ["  console one", "  console two"]


@given(st.text(st.characters()))
def test_a_guest_cannot_end_a_section(text: str) -> None:
    found = replace(FAILED, trace=text, text=text, console=(text,), command=text)
    first, *between, last = gitlab_section(found, 0, 1)
    assert "\x1b" not in "".join(between)
    assert first.count("\x1b") == last.count("\x1b") == 2
