from __future__ import annotations

import pytest

from monitors.ports import Protection, Segment
from replay.engines.ports import Access, Watchpoint
from tests.unit.replay.engines.guests import CODE, HEAP, guest

FOREVER = 1 << 40
TABLES = 0x300000
PAGE = 0x150000
SEALED = (Protection(CODE, CODE + 0x1000, writable=False),)


def tables_with(page: int, to: int) -> list[Segment]:
    """Page tables that map the guest's first 4 MiB as they are, but ``page`` to ``to``."""
    leaves = [n << 12 | 0x63 for n in range(1024)]
    leaves[page >> 12] = to | 0x63
    return [
        Segment(TABLES, (TABLES + 0x1000 | 0x23).to_bytes(8, "little")),
        Segment(TABLES + 0x1000, (TABLES + 0x2000 | 0x23).to_bytes(8, "little")),
        Segment(TABLES + 0x2000, (TABLES + 0x3000 | 0x23).to_bytes(8, "little")),
        Segment(TABLES + 0x2008, (TABLES + 0x4000 | 0x23).to_bytes(8, "little")),
        Segment(TABLES + 0x3000, b"".join(leaf.to_bytes(8, "little") for leaf in leaves)),
    ]


def test_addresses_are_virtual() -> None:
    """Watched in the guest's own tables, the page is found where they have it."""
    code = f"mov rdi, {PAGE}; mov qword ptr [rdi + 8], 5; hlt"
    options = {"segments": tables_with(PAGE, HEAP), "registers": {"cr3": TABLES}}
    with guest(code, **options) as machine:
        watchpoint = Watchpoint(PAGE + 8, 8, Access.WRITE)
        machine.engine.note((), [watchpoint, Watchpoint(HEAP + 8, 8, Access.WRITE)])
        machine.engine.run_instructions(FOREVER)
        hits = machine.engine.hits()
        assert hits is not None
        assert machine.word(HEAP + 8) == 5
        assert (hits.count, hits.last.low, hits.last.address) == (1, 1, PAGE + 8)


def test_the_same_set_again_forgets_no_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    with guest("1: mov [rdi], rax; jmp 1b", registers={"rdi": HEAP}, protections=SEALED) as machine:
        engine = machine.engine
        engine.note((), [Watchpoint(HEAP, 8, Access.WRITE)])
        engine.run_instructions(100)
        flushes: list[object] = []
        monkeypatch.setattr(engine._instance, "unhook", flushes.append)
        for _ in range(3):
            engine.note((CODE,), [Watchpoint(HEAP, 8, Access.WRITE)])
            engine.run_instructions(100)
            hits = engine.hits()
            assert hits is not None
            assert hits.count == 100
        assert not flushes


@pytest.mark.parametrize("distance", [1, 15])
def test_an_access_that_begins_before_what_is_watched(distance: int) -> None:
    watchpoint = Watchpoint(HEAP + distance, 1, Access.WRITE)
    with guest("movdqu [rdi], xmm0; hlt", registers={"rdi": HEAP}, protections=SEALED) as machine:
        machine.engine.note((), [watchpoint])
        machine.engine.run_instructions(FOREVER)
        hits = machine.engine.hits()
        assert hits is not None
        assert hits.first.low == 0
        assert hits.last.low == 0


def test_across_two_pages() -> None:
    at = HEAP + 0xFFC
    with guest("mov [rdi], rax; hlt", registers={"rdi": at}, protections=SEALED) as machine:
        machine.engine.note((), [Watchpoint(HEAP + 0x1001, 1, Access.WRITE)])
        machine.engine.run_instructions(FOREVER)
        hits = machine.engine.hits()
        assert hits is not None
        assert (hits.count, hits.last.address) == (1, HEAP + 0x1001)
