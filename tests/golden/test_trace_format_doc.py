"""docs/trace-format.md says what the program does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from monitors.calls.lifecycle import MisuseKind
from traces import framing, limits
from traces.header import header_to_map
from traces.layout import KNOWN_TAGS
from traces.reader import open_trace
from traces.summary import Outcome, Summary, summary_to_map
from traces.tags import SPECS, FieldSpec

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "traces" / "corpus"
DOC = (ROOT / "docs" / "trace-format.md").read_text()


def section(number: int) -> str:
    return DOC.split(f"\n## {number}. ")[1].split("\n## ")[0]


def rows(number: int) -> list[list[str]]:
    """The cells of all table rows of a section."""
    lines = [line for line in section(number).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_event_is_described_field_by_field() -> None:
    described = {row[0]: row[1:] for row in rows(4) if row[0].isdigit() and len(row) == 4}
    expected = {
        str(spec.tag): [spec.call.__name__, _cell(spec.inputs), _cell(spec.outputs)]
        for spec in SPECS.values()
    }
    assert described == expected


def _cell(fields: tuple[FieldSpec, ...]) -> str:
    return ", ".join(f"`{field.name}`: {field.kind.value}" for field in fields)


def test_every_rule_that_a_guest_can_break_is_described() -> None:
    described = {int(row[0]): row[1:] for row in rows(4) if row[0].isdigit() and len(row) == 3}
    assert set(described) == set(MisuseKind)
    for kind, (words, status) in described.items():
        assert int(status.split()[0]) == MisuseKind(kind).process_status
        assert words.split()[0].upper() == MisuseKind(kind).name.split("_")[0]


def test_every_key_of_the_header_is_described() -> None:
    with open_trace(CORPUS / "every-call-1.0.mp") as trace:
        boot = replace(trace.header.boot, executable_heap=True)
        values = header_to_map(replace(trace.header, boot=boot))
    expected = set()
    for key, value in values.items():
        inner = value if key in ("guest", "machine", "boot") else None
        expected |= {f"{key}.{name}" for name in inner} if inner else {key}
    devices = {name for device in values["boot"]["devices"] for name in device}
    named = {row[0].strip("`") for row in rows(3) if row[0].startswith("`")}
    assert named == expected | devices


def test_every_block_is_described() -> None:
    named = {row[0].strip("`") for row in rows(2) if re.fullmatch(r"`[A-Za-z]`", row[0])}
    assert named == KNOWN_TAGS


def test_every_key_of_the_summary_is_described() -> None:
    named = [row[0].strip("`") for row in rows(6) if row[0].startswith("`")]
    assert named == list(summary_to_map(Summary(Outcome.HALTED)))


def test_limits_are_those_of_the_program() -> None:
    text = section(9)
    for limit in (
        limits.HEADER_BYTES_MAX,
        limits.HEADER_ITEMS_MAX,
        limits.NAME_CHARS_MAX,
        limits.MEM_SIZE_MAX,
        limits.COMMAND_LINE_BYTES_MAX,
        limits.DEVICES_MAX,
        limits.GUEST_BYTES_MAX,
        limits.BLOCK_BYTES,
        limits.EVENT_BYTES_MAX,
        limits.INDEX_BYTES_MAX,
        limits.EVENT_FIELDS_MAX,
        limits.DIGEST_BYTES_MAX,
        limits.TEXT_BYTES_MAX,
        limits.WINDOW_BYTES_MAX,
    ):
        assert re.search(rf"\b{limit}\b", text), limit
    assert f"nested {limits.HEADER_DEPTH_MAX} deep" in text


def test_trailer_has_the_described_size() -> None:
    assert f"exactly {framing.TRAILER_BYTES} bytes" in section(7)


def test_example_is_the_golden_trace_byte_by_byte() -> None:
    data = bytearray()
    for line in DOC.split("```hex\n")[1].split("```")[0].splitlines():
        offset, shown = line[:4], line[6:42]
        assert int(offset, 16) == len(data), line
        data += bytes.fromhex(shown)
    assert bytes(data) == (CORPUS / "example-1.0.mp").read_bytes()
