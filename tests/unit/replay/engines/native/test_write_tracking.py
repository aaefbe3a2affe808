from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.engines.errors import EngineFailure
from replay.engines.native import write_tracking
from replay.engines.native.child import MAP_SHARED, PROT_READ, PROT_WRITE, Child
from replay.engines.native.write_tracking import Tracked, WriteTracking, why_unavailable
from replay.engines.ram import GuestRam

AT = 0x100000
VIEW = 0x4000_0000
SIZE = 64 << 12
SYS_READ, SYS_CLOCK_GETTIME = 0, 228


def require_tracking() -> None:
    """Skip the test where the kernel keeps no account."""
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    made = GuestRam(SIZE)
    yield made
    made.close()


@pytest.fixture
def child(ram: GuestRam) -> Iterator[Child]:
    made = Child([ram.fd])
    for at in (AT, VIEW):
        made.map_file(at, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor=0, offset=0)
    yield made
    made.close()


def write(child: Child, address: int) -> None:
    """The process writes there, by a system call of its own."""
    child.call(SYS_CLOCK_GETTIME, 0, address)


def test_what_a_process_writes_through_any_view(child: Child) -> None:
    require_tracking()
    tracking = WriteTracking(child)
    tracking.begin([Tracked(AT, AT + SIZE, 0), Tracked(VIEW, VIEW + SIZE, 0)])
    assert tracking.take() == set()
    write(child, AT + 0x3000)
    write(child, AT + 0x5FF8)
    write(child, VIEW + 0x10010)
    assert tracking.take() == {3, 5, 6, 16}
    assert tracking.take() == set()
    write(child, AT + 0x3000)
    assert tracking.take() == {3}
    tracking.close()
    tracking.close()


def test_pages_are_the_guests(child: Child) -> None:
    require_tracking()
    tracking = WriteTracking(child)
    tracking.begin([Tracked(AT, AT + SIZE, 7 << 12)])
    write(child, AT + 0x2000)
    assert tracking.take() == {9}


def test_more_regions_than_fit_an_answer(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tracking()
    monkeypatch.setattr(write_tracking, "_REGIONS", 3)
    tracking = WriteTracking(child)
    tracking.begin([Tracked(AT, AT + SIZE, 0)])
    for page in range(0, 40, 2):
        write(child, AT + (page << 12))
    assert tracking.take() == set(range(0, 40, 2))


def test_the_process_keeps_no_descriptor_of_it(child: Child) -> None:
    require_tracking()
    folder = Path(f"/proc/{child.tracee.pid}/fd")
    before = sorted(folder.iterdir())
    WriteTracking(child)
    assert sorted(folder.iterdir()) == before


def test_a_process_that_is_gone(child: Child) -> None:
    require_tracking()
    tracking = WriteTracking(child)
    tracking.begin([Tracked(AT, AT + SIZE, 0)])
    child.close()
    with pytest.raises(EngineFailure, match="does not tell its pages"):
        tracking.take()


def test_a_kernel_that_refuses(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_tracking, "_SYS_USERFAULTFD", 999)
    with pytest.raises(OSError, match="not implemented"):
        WriteTracking(child)
    assert os.strerror(errno.ENOSYS) in why_unavailable()
