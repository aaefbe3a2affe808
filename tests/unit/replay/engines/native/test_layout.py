from __future__ import annotations

import ctypes

from replay.engines.native.layout import CONTROL_BYTES, FINGERPRINT, Control
from tests.unit.replay.agents import require_agent


def test_the_words_fit_before_the_slots() -> None:
    assert ctypes.sizeof(Control) <= CONTROL_BYTES


def test_the_agent_says_the_same() -> None:
    require_agent()  # which reads an agent only with this fingerprint
    assert ctypes.sizeof(Control) in FINGERPRINT


def test_the_entry_code_finds_its_words() -> None:
    assert (Control.rax.offset, Control.site.offset) == (0, 8)
