"""Core files: their layout byte by byte, and what gdb makes of them."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.export.core import core_head, write_core
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine
from replay.testing.source import ScriptedSource
from tests.unit.replay.recordings import Recorder

MIB = 1 << 20
HEAD_BYTES = 0x214
REGISTERS_AT = 0xB0 + 20 + 112
ORDER = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx"),
    *("rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fs_base", "gs_base"),
    *("ds", "es", "fs", "gs"),
)
VALUES = {name: 0x1111 * (index + 1) for index, name in enumerate(ORDER)} | {"cr3": 5}
COOKIE = struct.pack("<7Q", 1, 2, 0xABC, 8, 0x246, 0xFFF0, 0x10)


def registers_in(head: bytes) -> dict[str, int]:
    return dict(zip(ORDER, struct.unpack_from("<27Q", head, REGISTERS_AT), strict=True))


def test_the_headers() -> None:
    head = core_head(VALUES, 2 * MIB)
    assert len(head) == HEAD_BYTES
    assert head[:16] == b"\x7fELF\x02\x01\x01\xff" + bytes(8)
    type_, machine, version, entry, ph_at, sh_at, _, size, ph_size, ph_count, *sections = (
        struct.unpack_from("<HHIQQQIHHHHHH", head, 16)
    )
    assert (type_, machine, version, entry) == (4, 62, 1, 0)
    assert (ph_at, ph_size, ph_count, size, sh_at) == (64, 56, 2, 64, 0)
    assert sections == [0, 0, 0]
    note, load = (struct.unpack_from("<IIQQQQQQ", head, at) for at in (64, 120))
    assert note == (4, 0, 0xB0, 0, 0, 0x164, 0x164, 0)
    assert load == (1, 0, HEAD_BYTES, 0, 0, 2 * MIB, 2 * MIB, 0)


def test_the_note() -> None:
    head = core_head(VALUES, 2 * MIB)
    assert struct.unpack_from("<III8s", head, 0xB0) == (8, 336, 1, b"CORE\0\0\0\0")
    assert head[0xB0 + 20 : REGISTERS_AT] == bytes(112)
    assert head[REGISTERS_AT + 27 * 8 :] == bytes(8)
    found = registers_in(head)
    assert found == {name: VALUES[name] for name in ORDER}


def test_registers_that_are_not_given_are_zero() -> None:
    assert not any(registers_in(core_head({}, MIB)).values())


def test_the_cookie_says_where_the_trap_was() -> None:
    found = registers_in(core_head(VALUES, MIB, COOKIE + bytes(512 - len(COOKIE))))
    trapped = {"rip": 0xABC, "cs": 8, "rflags": 0x246, "rsp": 0xFFF0, "ss": 0x10}
    assert found == {name: VALUES[name] for name in ORDER} | trapped


def test_a_cookie_that_is_too_short_says_nothing() -> None:
    assert core_head(VALUES, MIB, COOKIE[:-1]) == core_head(VALUES, MIB)


@pytest.fixture
def ended(recorder: Recorder) -> Iterator[tuple[Machine, bytes]]:
    """A guest that wrote where it must not, and its cookie."""
    machine = recorder.machine(recorder.plan("zeropage"))
    ending = Interposer(machine, ScriptedSource()).run()
    yield machine, ending.cookie  # type: ignore[union-attr]  # it has halted
    machine.close()


def test_the_memory_follows(ended: tuple[Machine, bytes]) -> None:
    machine, cookie = ended
    file = io.BytesIO()
    pages = write_core(file, machine, cookie)
    data = file.getvalue()
    assert data[HEAD_BYTES:].ljust(machine.ram.size, b"\0") == bytes(machine.ram.view)
    assert 0 < pages.written < pages.total == machine.ram.size // 4096


def test_pages_that_were_never_used_are_holes(ended: tuple[Machine, bytes], tmp_path: Path) -> None:
    path = tmp_path / "core"
    with path.open("wb") as file:
        pages = write_core(file, *ended)
    status = path.stat()
    assert status.st_size == HEAD_BYTES + ended[0].ram.size
    # Memory begins in the middle of a page of the file, so each run of pages touches one more.
    assert status.st_blocks * 512 <= (2 * pages.written + 2) * 4096


@pytest.mark.slow
def test_gdb_reads_it(ended: tuple[Machine, bytes], recorder: Recorder, tmp_path: Path) -> None:
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed: apt-get install gdb")
    guest, path = tmp_path / "zeropage.hvt", tmp_path / "core"
    guest.write_bytes(recorder.guest("zeropage"))
    with path.open("wb") as file:
        write_core(file, *ended)
    commands = ("bt", "info registers rip rsp cs", "x/1gx 0x10000")
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *(f"-ex={command}" for command in commands), guest, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rip, rsp = struct.unpack_from("<Q8x8xQ", ended[1], 16)
    assert "solo5_app_main" in done.stdout.split("#1 ")[0]
    assert " in _start ()" in done.stdout
    assert f"{rip:#x}" in done.stdout
    assert f"{rsp:#x}" in done.stdout
    assert f"0x10000:\t{ended[0].ram.size:#018x}" in done.stdout
