from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from replay.devices.console import Console, write_fully
from replay.machine.errors import DeviceFailure


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


def read_all(fd: int, into: bytearray) -> None:
    while data := os.read(fd, 1 << 16):
        into += data
    os.close(fd)


def test_bytes_come_out_unchanged_and_at_once(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    console = Console(theirs)
    for data in (b"\x00\xff\r\n\x1b[m", b"more"):
        assert console.write(ConsoleWrite(data)) == DONE
        assert os.read(ours, 100) == data
    assert console.write(ConsoleWrite(b"")) == DONE
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("blocking", [True, False])
def test_more_than_the_reader_takes_at_once(pipe: tuple[int, int], blocking: bool) -> None:
    ours, theirs = pipe
    os.set_blocking(theirs, blocking)
    data, got = bytes(range(256)) * 4096, bytearray()
    reader = threading.Thread(target=read_all, args=(ours, got))
    reader.start()
    write_fully(theirs, data)
    os.close(theirs)
    reader.join()
    assert got == data


def test_a_reader_that_is_gone(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    os.close(ours)
    with pytest.raises(DeviceFailure, match="cannot write to the console: Broken pipe"):
        Console(theirs).write(ConsoleWrite(b"x"))
    os.close(theirs)


def test_a_full_disk() -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(DeviceFailure, match="No space left on device"),
    ):
        Console(full.fileno()).write(ConsoleWrite(b"x"))
