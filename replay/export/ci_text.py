"""Verdicts in the forms of CI services: workflow commands and job summaries of GitHub Actions,
sections of GitLab's logs.

What guests print and traces say stands in them, so that all of it is escaped: nothing is a command,
a link or HTML.

Formats: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands,
https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from replay.export.checked import Checked
from replay.export.junit import details
from replay.export.words import counted, one_line, printable

ANNOTATIONS_MAX = 10
"""GitHub shows no more of a kind for a step."""

SUMMARY_BYTES_MAX = 1 << 20
"""GitHub takes no longer summary of a step."""

_SUMMARY_BYTES = 900_000
_MESSAGE_CHARS_MAX = 4000
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~&@:$-])")
_SECTION_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def github_error(checked: Checked, source: tuple[str, int] | None = None) -> str:
    """An annotation, at a file of the repository and a line of it where ``source`` says one."""
    title = f"{checked.trace}: {checked.kind.value}"
    properties = {"title": one_line(title)}
    if source is not None:
        properties = {"file": source[0], "line": str(source[1]), **properties}
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    lines = [checked.text, *(f"console: {line}" for line in checked.console[-3:])]
    if checked.command:
        lines.append(f"to look at it: {checked.command}")
    return f"::error {shown}::{_data(printable(chr(10).join(lines))[:_MESSAGE_CHARS_MAX])}"


def defused(text: str) -> str:
    """A line for a log in which GitHub looks for commands, without any."""
    return re.sub(r"^(\s*)::", r"\1\\x3a:", text.replace("##[", "##\\x5b"))


def github_summary(found: Sequence[Checked]) -> str:
    """A job summary in Markdown: a table of what was not good, and each of them in detail."""
    bad = [each for each in found if not each.good]
    head = [f"### solo5-replay: {counted(len(found), 'trace')}, {len(bad)} to look at", ""]
    if bad:
        head += ["| trace | verdict | |", "|---|---|---|"]
    size, text = 0, ["\n".join([*head, ""])]
    pieces = [_row(each) for each in bad] + [_section(each) for each in bad]
    for number, piece in enumerate(pieces):
        size += len(piece.encode())
        if size > _SUMMARY_BYTES:
            text.append(f"\n(and more: {len(pieces) - number} left out)\n")
            break
        text.append(piece)
    return "".join(text)


def gitlab_section(checked: Checked, number: int, now_s: int) -> Iterator[str]:
    """The lines of a collapsed section of a log; ``now_s`` counts from 1970."""
    name = f"replay_{number}_{_SECTION_NAME.sub('_', checked.trace)[-40:]}"
    head = printable(one_line(f"{checked.trace}: {checked.kind.value}"))
    yield f"\x1b[0Ksection_start:{now_s}:{name}[collapsed=true]\r\x1b[0K{head}"
    for line in details(checked):
        yield from printable(line).splitlines()
    for line in checked.console:
        yield f"  console {printable(line)}"
    yield f"\x1b[0Ksection_end:{now_s}:{name}\r\x1b[0K"


def _row(checked: Checked) -> str:
    cells = (checked.trace, checked.kind.value, checked.text[:_MESSAGE_CHARS_MAX])
    return f"| {' | '.join(_inline(cell) for cell in cells)} |\n"


def _section(checked: Checked) -> str:
    parts = [f"\n#### {_inline(checked.trace)}\n\n{_inline(checked.text)}\n"]
    for title, lines in (
        ("Console", checked.console),
        ("Last events", checked.last_events),
        ("Where the guest stands", checked.backtrace),
        ("To look at it", (checked.command,) if checked.command else ()),
    ):
        if lines:
            parts.append(f"\n{title}:\n\n{_fenced(lines)}\n")
    return "".join(parts)


def _fenced(lines: Sequence[str]) -> str:
    text = "\n".join(map(printable, lines))
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _inline(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
