"""What only the Python callbacks do; that they stop where the compiled ones do is tested where both
are used: test_callbacks.py, test_counting.py, test_debugging.py."""

from __future__ import annotations

import pytest

from monitors.ports import Hlt, Protection
from replay.engines.unicorn import python_callbacks
from replay.engines.unicorn.python_callbacks import PythonCallbacks
from tests.unit.replay.engines.guests import CODE, guest


def test_more_blocks_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_callbacks, "_COUNTED_MAX", 4)
    code = "".join("dec ecx; jz 9f;" for _ in range(12)) + "nop; 9: hlt"
    rights = [Protection(CODE, CODE + 0x1000, writable=False)]
    with guest(code, pure_python=True, protections=rights, registers={"rcx": 100}) as machine:
        assert isinstance(machine.engine.run_instructions(1 << 40), Hlt)
        assert machine.engine.instructions_retired == 25


def test_their_table_names_every_callback() -> None:
    with guest("hlt", pure_python=True) as machine:
        table = machine.engine._callbacks
        assert not table.compiled
        assert all(getattr(table, name) is not None for name in table.__slots__)
        assert PythonCallbacks.__doc__
