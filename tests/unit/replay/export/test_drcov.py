from __future__ import annotations

import struct
from pathlib import Path

from replay.cli.trace import main
from replay.export.drcov import drcov
from replay.player.executed import Block, code_range
from traces.reader import open_trace

HELLO = Path(__file__).parents[4] / "traces/corpus/hello-1.0.mp"


def read(data: bytes) -> tuple[list[str], list[tuple[int, int, int]]]:
    """The lines and blocks of a file, as its readers take it apart."""
    head, _, rest = data.partition(b" bbs\n")
    lines = head.decode().splitlines()
    name, _, count = lines.pop().partition(": ")
    assert name == "BB Table"
    blocks = list(struct.iter_unpack("<IHH", rest))
    assert len(blocks) == int(count)
    return lines, blocks  # type: ignore[return-value]


def test_the_layout() -> None:
    executed = [Block(0x100000, 9, 1), Block(0x100100, 2, 5)]
    data, count = drcov("app\n.hvt", 0x100000, 0x103000, executed)
    lines, blocks = read(data)
    assert lines == [
        "DRCOV VERSION: 2",
        "DRCOV FLAVOR: drcov",
        "Module Table: version 2, count 1",
        "Columns: id, base, end, entry, path",
        "0, 0x0000000000100000, 0x0000000000103000, 0x0000000000000000, app\\n.hvt",
    ]
    assert blocks == [(0, 9, 0), (0x100, 2, 0)]
    assert count == 2


def test_large_blocks_are_several() -> None:
    data, count = drcov("", 0, 1 << 40, [Block(0, 0x1FFFF, 1), Block(1 << 33, 4, 1)])
    assert read(data)[1] == [(0, 0xFFFF, 0), (0xFFFF, 0xFFFF, 0), (0x1FFFE, 1, 0)]
    assert count == 3


def test_a_recording(tmp_path: Path) -> None:
    assert main(["export", "drcov", str(HELLO), "-o", str(tmp_path / "x")]) == 0
    _, blocks = read((tmp_path / "x").read_bytes())
    with open_trace(HELLO) as trace:
        start, end = code_range(trace.guest() or b"")
    assert len(blocks) > 50
    assert blocks == sorted(blocks)
    assert all(one[0] + one[1] <= end - start for one in blocks)
