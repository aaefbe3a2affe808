from __future__ import annotations

import pytest

from replay.engines.errors import EngineFailure
from replay.engines.native.layout import CONSOLE_AT, CONSOLE_BYTES, RECORDED_AT
from replay.engines.native.shared import SharedMemory


def test_console_bytes_wrap_around() -> None:
    memory = SharedMemory()
    start = CONSOLE_BYTES - 2
    memory._map[CONSOLE_AT + start : CONSOLE_AT + CONSOLE_BYTES] = b"ab"
    memory._map[CONSOLE_AT : CONSOLE_AT + 3] = b"cde"
    memory.control.console_read, memory.control.console_write = start, start + 5
    assert memory.take_console() == b"abcde"
    assert memory.take_console() == b""


def test_a_console_with_impossible_numbers_is_refused() -> None:
    memory = SharedMemory()
    memory.control.console_write = CONSOLE_BYTES + 1
    with pytest.raises(EngineFailure, match="console is broken"):
        memory.take_console()


def test_recorded_events_lie_at_their_offset() -> None:
    memory = SharedMemory()
    memory.put_recorded(b"0123456789", 4)
    assert memory._map[RECORDED_AT + 4 : RECORDED_AT + 10] == b"456789"
    assert (memory.control.in_at, memory.control.in_end) == (4, 10)


def test_no_device_is_there_at_first() -> None:
    control = SharedMemory().control
    assert set(control.nets) == {-1}
    assert {block.fd for block in control.blocks} == {-1}
