"""One file at one path, and no other."""

from __future__ import annotations

import pytest

from replay.gdbstub.guest_file import FileCommand, GuestFile
from replay.gdbstub.protocol.commands import CloseFile, OpenFile, OtherFile, ReadFile, StatFile

ELF = bytes(range(40, 50)) * 10
FILE = GuestFile("../a b/../x;y.hvt", lambda: ELF)


def test_its_path_is_made_of_the_last_part_of_its_name() -> None:
    assert FILE.path == "/x_y.hvt"
    assert GuestFile("a/", lambda: ELF).path == "/guest"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (OpenFile("/x_y.hvt", 0), b"F3"),
        (OpenFile("/etc/passwd", 0), b"F-1,2"),
        (OpenFile("/x_y.hvt", 1), b"F-1,d"),
        (ReadFile(3, 4, 2), b"F4;" + ELF[2:6]),
        (ReadFile(3, 1000, 98), b"F2;" + ELF[98:]),
        (ReadFile(3, 10, 1000), b"F0;"),
        (ReadFile(4, 10, 0), b"F-1,9"),
        (StatFile(0), b"F-1,9"),
        (CloseFile(3), b"F0"),
        (OtherFile("setfs"), b"F0"),
        (OtherFile("readlink"), b"F-1,2"),
        (OtherFile("unlink"), b"F-1,d"),
        (OtherFile("other"), b""),
    ],
)
def test_operations(command: FileCommand, reply: bytes) -> None:
    assert FILE.answer(command) == reply


def test_its_status() -> None:
    assert FILE.answer(StatFile(3))[:4] == b"F40;"


def test_a_file_that_nobody_has() -> None:
    file = GuestFile("x", lambda: None)
    assert file.data is None
    assert file.answer(OpenFile("/x", 0)) == b"F-1,2"
    assert file.answer(ReadFile(3, 1, 0)) == b"F-1,9"
