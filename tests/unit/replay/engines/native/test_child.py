"""The process made for a guest: what is in it, and what it may ask of the host."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.engines.errors import EngineFailure, EngineUnavailable
from replay.engines.native.child import (
    FIRST_DESCRIPTOR,
    MAP_SHARED,
    PROT_READ,
    PROT_WRITE,
    SYS_MMAP,
    SYS_MPROTECT,
    Child,
)
from replay.engines.native.ptrace import RAX, RIP
from replay.engines.native.seccomp import Rule
from replay.engines.ram import GuestRam

SYS_GETPID, SYS_OPEN = 39, 2
AT = 0x10000


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    made = GuestRam(2 << 20)
    yield made
    made.close()


@pytest.fixture
def child(ram: GuestRam) -> Iterator[Child]:
    made = Child([ram.fd])
    yield made
    made.close()
    made.close()


def test_it_has_no_descriptors_but_those_handed_over(child: Child) -> None:
    numbers = [path.name for path in Path(f"/proc/{child.tracee.pid}/fd").iterdir()]
    assert numbers == [str(FIRST_DESCRIPTOR)]


def test_its_address_space_can_be_cleared(child: Child) -> None:
    child.clear()
    named = {region.name for region in child.regions()} - {"[vsyscall]"}
    assert {region.start for region in child.regions() if region.name in named} == {
        child.base,
        child.scratch,
    }


def test_remote_calls_leave_the_registers_alone(child: Child) -> None:
    before = bytes(child.tracee.fetch())
    assert child.call(SYS_GETPID) == child.tracee.pid
    orig_rax = slice(15 * 8, 16 * 8)
    after = bytearray(child.tracee.fetch())
    after[orig_rax] = before[orig_rax]
    assert after == before


def test_errors_of_remote_calls(child: Child) -> None:
    with pytest.raises(OSError, match="system call 3"):
        child.call(3, 99)


def test_guest_memory_is_shared(child: Child, ram: GuestRam) -> None:
    rights = PROT_READ | PROT_WRITE
    child.map_file(AT, ram.size - AT, rights, MAP_SHARED, descriptor=0, offset=AT)
    ram.view[AT : AT + 5] = b"hello"
    assert child.read(AT, 5) == b"hello"
    child.write(AT, b"world")
    assert ram.view[AT : AT + 5] == b"world"


def test_a_locked_process_makes_only_the_calls_allowed(child: Child) -> None:
    gate = (child.gate, child.gate)
    child.lock_down([Rule(SYS_MPROTECT, gate, {0: (child.base, child.base)})])
    child.protect(child.base, 4096, 5)
    with pytest.raises(EngineFailure):
        child.protect(child.scratch, 4096, PROT_READ)


def test_a_locked_process_cannot_even_ask_who_it_is(child: Child) -> None:
    child.lock_down([])
    with pytest.raises(EngineFailure):
        child.call(SYS_GETPID)


def test_a_guest_at_the_gate_gets_nothing(child: Child) -> None:
    """The call is allowed, but the engine has not asked for it."""
    child.lock_down([Rule(SYS_MPROTECT, (child.gate, child.gate))])
    words = child.tracee.fetch()
    words[RIP], words[RAX] = child.gate - 2, SYS_MPROTECT
    child.tracee.store()
    child.tracee.resume()
    with pytest.raises(EngineFailure, match="has jumped to"):
        child.tracee.wait()


def test_what_the_host_does_not_permit_ends_it(child: Child) -> None:
    with pytest.raises(EngineUnavailable, match="ulimit -v") as caught, child.permitted():
        child.call(SYS_MMAP, 0, 1 << 60, PROT_READ, 0x22, -1)  # private, anonymous
    assert caught.value.engine == "native"
    with pytest.raises(ProcessLookupError):
        os.kill(child.tracee.pid, 0)


def test_too_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (FIRST_DESCRIPTOR, FIRST_DESCRIPTOR))
    with pytest.raises(EngineUnavailable, match=r"100 open files are allowed.*ulimit -n"):
        Child([])


def test_closing_ends_it(child: Child) -> None:
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child.tracee.pid, 0)
