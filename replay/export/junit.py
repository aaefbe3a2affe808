"""Verdicts as a JUnit report, which CI systems read.

The format has no owner; this is the common part of what Jenkins, GitLab and others describe, see
https://github.com/testmoapp/junitxml. A test that judged the guest and found it wanting has a
``failure``, one that could not judge it has an ``error``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from replay.export.checked import Checked, Kind
from replay.export.words import printable

_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")  # XML 1.0, production 2; printable has the rest
_SUITE = "solo5-replay"


def junit_xml(found: Sequence[Checked], seconds: float) -> bytes:
    """A document of one suite with a test case for each trace, in this order; ``seconds`` is what
    all of it took."""
    tally = {
        "tests": len(found),
        "failures": sum(each.kind is Kind.FAILED for each in found),
        "errors": sum(_is_error(each) for each in found),
        "time": f"{seconds:.3f}",
    }
    totals = {name: str(value) for name, value in tally.items()}
    root = ET.Element("testsuites", {"name": _SUITE, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **totals, "skipped": "0"})
    for each in found:
        _add_case(suite, each)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_case(suite: ET.Element, checked: Checked) -> None:
    name = _plain(checked.trace)
    attributes = {"classname": _SUITE, "name": name, "time": f"{checked.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", attributes)
    if not checked.good:
        tag = "error" if _is_error(checked) else "failure"
        what = {"message": _plain(checked.text), "type": checked.kind.value}
        ET.SubElement(case, tag, what).text = _plain("\n".join(details(checked)))
    if checked.console:
        ET.SubElement(case, "system-out").text = _plain("\n".join(checked.console))


def details(checked: Checked) -> list[str]:
    """The verdict, the guest's call stack, the last events and the command that looks further."""
    lines = [checked.text]
    for number, place in enumerate(checked.backtrace):
        lines.append(f"  {'by' if number else 'at'} {place}")
    if checked.last_events:
        lines += ["last events:", *(f"  {line}" for line in checked.last_events)]
    if checked.command:
        lines.append(f"to look at it: {checked.command}")
    return lines


def _is_error(checked: Checked) -> bool:
    return not checked.good and checked.kind is not Kind.FAILED


def _plain(text: str) -> str:
    return printable(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))
