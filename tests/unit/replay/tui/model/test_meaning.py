from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ram import PAGE_BYTES
from replay.player.symbols import Symbol
from replay.tui.model.meaning import Meaning, meaning_of, note_spans, text_at
from replay.tui.model.rows import Role, ToCode, ToMemory
from tests.unit.replay.tui.model.guests import Guest, Named

DATA = 0x200000
GUEST = Guest({DATA: b"hello\n\0\x01\x02\x03\x04abc\0" + bytes(40)})
NAMES = Named([Symbol(0x100000, "pay", 16)], [Symbol(DATA + 7, "total", 4)])


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (0, "0"),
        (42, "42"),
        ((1 << 64) - 2, "-2"),
        (0x100004, "<pay+0x4>"),
        (DATA + 7, "<total>"),
        (DATA, '"hello\\n"'),
        (DATA + 11, ""),  # three letters are no text
        (DATA + 20, ""),
        (0x6F6C6C6568, '= "hello"'),
        (0x9E3779B97F4A7C15, ""),
        (0x123456, "1193046"),
    ],
)
def test_notes(value: int, note: str) -> None:
    assert meaning_of(GUEST, NAMES, value).note() == note


def test_pointers_lead_somewhere() -> None:
    assert meaning_of(GUEST, NAMES, 0x100004).about == ToCode(0x100004)
    assert meaning_of(GUEST, NAMES, DATA + 1).about == ToMemory(DATA + 1)
    assert meaning_of(GUEST, NAMES, DATA - 1).about is None
    assert meaning_of(GUEST, NAMES, 0x10).about is None


def test_text_near_the_end_of_memory() -> None:
    end = DATA + PAGE_BYTES
    guest = Guest({DATA: bytes(PAGE_BYTES - 9) + b"end of it"})
    assert text_at(guest, end - 9) == "end of it"
    assert text_at(guest, end - 1) == ""
    assert text_at(guest, end) == ""


def test_notes_are_cut_but_numbers_never() -> None:
    (span,) = note_spans(meaning_of(GUEST, NAMES, 0x100004), 6)
    assert (span.text, span.role, span.target) == ("<pay+…", Role.NAME, ToCode(0x100004))
    assert note_spans(Meaning(123456), 5) == ()
    assert note_spans(Meaning(123456), 6)[0].text == "123456"
    assert note_spans(Meaning(1 << 62), 60) == ()
    assert note_spans(Meaning(1), 0) == ()


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=80), st.integers(0, 50))
def test_any_value_has_a_visible_note(value: int, data: bytes, width: int) -> None:
    for each in (value, DATA + value % 80):
        meaning = meaning_of(Guest({DATA: data}), Named(), each)
        assert meaning.note().isprintable()
        assert sum(len(span.text) for span in note_spans(meaning, width)) <= width
