"""Pages that can be executed for a while."""

from __future__ import annotations

from pathlib import Path

from replay.engines.native.child import Child
from replay.engines.native.engine import NativeEngine
from replay.engines.native.open_pages import OpenPages
from tests.unit.replay.engines.guests import HEAP, UNMAPPED
from tests.unit.replay.engines.native.machines import native


def rights_at(child: Child, address: int) -> str:
    """As ``/proc/PID/maps`` has them."""
    for line in Path(f"/proc/{child.tracee.pid}/maps").read_text().splitlines():
        area, rights, *_ = line.split()
        start, end = (int(word, 16) for word in area.split("-"))
        if start <= address < end:
            return rights[:3]
    return ""


def test_a_page_is_opened_once_and_closed() -> None:
    with native("hlt") as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        child = engine._child
        assert child is not None
        pages = OpenPages(child, engine._space, engine._cpu)
        pages.open(HEAP + 5)
        pages.open(HEAP + 7)
        pages.open(UNMAPPED)
        assert list(pages.rights) == [HEAP]
        assert [rights_at(child, at) for at in (HEAP, HEAP + 0x1000)] == ["rwx", "rw-"]
        pages.close()
        assert not pages.rights
        assert rights_at(child, HEAP) == "rw-"
