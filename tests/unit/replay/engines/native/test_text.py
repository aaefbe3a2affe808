"""Vetted regions in a real process."""

from __future__ import annotations

from replay.engines.native.engine import NativeEngine
from tests.unit.replay.engines.guests import CODE, HEAP, Guest, assemble
from tests.unit.replay.engines.native.machines import UserGuest, native

CODE_BYTES = assemble("out 1, al; rdtsc; tzcnt rax, rcx; hlt")


def process_memory(guest: Guest) -> bytes:
    assert isinstance(guest.engine, NativeEngine)
    assert guest.engine._child is not None
    return guest.engine._child.read(CODE, len(CODE_BYTES))


def test_only_the_process_sees_patches() -> None:
    with native(CODE_BYTES) as guest:
        guest.run()
        patched = bytearray(CODE_BYTES)
        patched[2], patched[4] = 0xCC, 0x3E
        assert process_memory(guest) == patched
        assert guest.engine.read(CODE, len(CODE_BYTES)) == CODE_BYTES


def test_what_it_holds() -> None:
    with native(CODE_BYTES) as guest:
        guest.run()
        assert isinstance(guest.engine, NativeEngine)
        text = guest.engine._text
        assert text.holds(CODE)
        assert not text.holds(HEAP)
        assert not text.admit(HEAP)
        assert sorted(text.sites) == [CODE, CODE + 2, CODE + 9]


def test_changes_by_the_host_are_patched_again() -> None:
    with native(CODE_BYTES) as guest:
        guest.run()
        guest.engine.write(CODE + 2, b"\x90\x90")
        assert process_memory(guest)[2:4] == b"\x90\x90"


def test_only_a_whole_system_call_traps_surely() -> None:
    """Behind the first byte of ``rdtsc`` begins a hidden instruction that could fault, and the one
    behind the first of the last ``syscall`` is not in the text as a whole."""
    code = assemble("syscall; rdtsc").ljust(0x1000 - 2, b"\x90") + assemble("syscall")
    with UserGuest(code) as engine:
        engine.run()
        assert {CODE, CODE + 2, CODE + 0xFFE} <= set(engine._text.sites)
        assert engine._tracee.traps == {CODE + 1}
