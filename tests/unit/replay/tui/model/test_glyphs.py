from __future__ import annotations

import dataclasses

import pytest

from replay.tui.model.glyphs import ASCII, UNICODE, Glyphs


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE])
def test_each_sign_is_one_character_and_marks_differ(glyphs: Glyphs) -> None:
    signs = dataclasses.astuple(glyphs)
    assert all(len(sign) == 1 and sign.isprintable() for sign in signs)
    assert glyphs.enabled != glyphs.disabled
    assert glyphs.pointer(is_here=True) == glyphs.here


def test_ascii_is_ascii() -> None:
    assert all(sign.isascii() for sign in dataclasses.astuple(ASCII))
