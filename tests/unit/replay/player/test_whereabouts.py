from __future__ import annotations

from monitors.ports import Registers
from replay.player.whereabouts import InMemory, InRegister, bytes_at


class _View:
    def registers(self) -> Registers:
        return {"rbx": 0x1122334455667788, "xmm1": 1 << 120}

    def read(self, address: int, size: int) -> bytes | None:
        return bytes(range(size)) if address == 0x100 else None


def test_bytes_of_registers_and_memory() -> None:
    view = _View()
    assert bytes_at(InRegister("rbx"), view) == bytes.fromhex("8877665544332211")
    assert bytes_at(InRegister("rbx", 2, 1), view) == bytes.fromhex("7766")
    assert bytes_at(InRegister("xmm1", 4, 12), view) == bytes.fromhex("00000001")
    assert bytes_at(InMemory(0x100, 3), view) == b"\0\1\2"
    assert bytes_at(InMemory(0x200, 3), view) == b""


def test_parts() -> None:
    assert InMemory((1 << 64) - 1, 8).part(2, 3) == InMemory(1, 3)
    assert InRegister("rax", 4, 2).part(1, 2) == InRegister("rax", 2, 3)
