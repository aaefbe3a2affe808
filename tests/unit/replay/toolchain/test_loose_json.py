from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.toolchain.loose_json import BadJson, Node, parse_loose_json


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(member) for key, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(element) for element in node.value]
    return node.value


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"a": 1, "b": [true, false, null], "c": {"d": "e"}}',
        "-12",
        "1.5",
        "2e3",
        r'"a\"b\\c\u0041\n"',
        ' \t\r\n["x"]',
        "18446744073709551615",
    ],
)
def test_json(text):
    assert plain(parse_loose_json(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"a": 1, "b": 2,}', {"a": 1, "b": 2}),
        ("[1 2, 3,]", [1, 2, 3]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("{} and then some", {}),
        ("{}{", {}),
    ],
)
def test_looseness(text, value):
    assert plain(parse_loose_json(text)) == value


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "end of the text"),
        (" \n\n ", 3, "end of the text"),
        ('{"a": 1', 1, "end of the text"),
        ('{"a"', 1, "end of the text"),
        ("[", 1, "end of the text"),
        ("{\n1: 2}", 2, "a key in quotes"),
        ('{"a"\n 1}', 2, "':'"),
        ('{"a": 1,, "b": 2}', 1, "a key in quotes"),
        ("[,]", 1, "a value"),
        ("// text\n{}", 1, "a value"),
        ('{\n  /* text */ "a": 1}', 2, "a key in quotes"),
        ('{"a": 1 # text\n}', 1, "a key in quotes"),
        ('"open', 1, "string without end"),
        ('"two\nlines"', 1, "string without end"),
        (r'"\q"', 1, "unknown escape"),
        (r'"\u12"', 1, "unknown escape"),
        ("nothing", 1, "'nothing' is no value"),
        ("1.2.3", 1, "is no value"),
        ("-", 1, "a value"),
        ("NaN", 1, "a value"),
        ("\x00", 1, "a value"),
        ("123456789012345678901", 1, "too many digits"),
        ("[" * 18, 1, "too deeply"),
        ("x" * (1 << 20) + "y", 1, "characters"),
    ],
)
def test_refused(text, line, what):
    with pytest.raises(BadJson, match=what) as caught:
        parse_loose_json(text)
    assert caught.value.line == line


def test_values_know_their_lines():
    root = parse_loose_json('\n{\n "a": [\n1,\n\n2]}')
    assert root.line == 2
    members = root.value
    assert isinstance(members, dict)
    assert members["a"].line == 3
    assert [element.line for element in members["a"].value] == [4, 6]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_reads_what_json_writes(value):
    assert plain(parse_loose_json(json.dumps(value, indent=1))) == value


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \n0123456789.eE+-truefalsn/*ü\x00', max_size=40))
def test_any_text_is_a_value_or_refused(text):
    try:
        node = parse_loose_json(text)
    except BadJson as error:
        line = error.line
    else:
        line = node.line
    assert 1 <= line <= text.count("\n") + 1
