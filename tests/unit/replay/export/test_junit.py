from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.export.checked import Checked, Kind
from replay.export.junit import details, junit_xml
from tests.unit.replay.export.test_checked import FAILED

xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))


def valid(document: bytes) -> ET.Element:
    """The document's root, once the schema has accepted it."""
    SCHEMA.validate(io.BytesIO(document))
    return ET.fromstring(document)


def test_a_case_for_each_trace() -> None:
    found = [Checked(f"{kind}.mp", kind, f"it is {kind}") for kind in Kind]
    root = valid(junit_xml(found, 1.5))
    assert root.attrib == {
        "name": "solo5-replay",
        "tests": str(len(found)),
        "failures": "1",
        "errors": str(len(found) - 3),
        "time": "1.500",
    }
    results = {case.get("name"): [each.tag for each in case] for case in root.iter("testcase")}
    assert results["faithful.mp"] == results["input-compatible.mp"] == []
    assert results["guest-failed.mp"] == ["failure"]
    for kind in ("diverged", "bad-trace", "cannot-replay", "timeout", "incomplete", "interrupted"):
        assert results[f"{kind}.mp"] == ["error"]


def test_a_failure_says_what_there_is_to_know() -> None:
    failure = valid(junit_xml([FAILED], 0.0)).find(".//failure")
    assert failure is not None
    assert failure.get("type") == "guest-failed"
    assert failure.get("message") == FAILED.text
    assert failure.text == "\n".join(details(FAILED))
    assert details(FAILED) == [
        "faithful, guest failed as recorded",
        "  at 0x1 main+0x1",
        "last events:",
        "  #8 Halt",
        "to look at it: solo5-replay a.mp --gdb -e",
    ]


def test_none() -> None:
    assert valid(junit_xml([], 0.0)).get("tests") == "0"


@given(st.text(st.characters()), st.sampled_from(Kind))
def test_any_text(text: str, kind: Kind) -> None:
    found = replace(FAILED, trace=text, kind=kind, text=text, console=(text,), command=text)
    valid(junit_xml([found], 0.1))


def test_the_schema_is_not_content_with_everything() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        valid(b'<testsuites name="a" tests="x" failures="0" errors="0"/>')
