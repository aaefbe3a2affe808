from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from traces.blocks import BlockFile
from traces.errors import Corrupt, NotATrace, Truncated
from traces.framing import TRAILER_BYTES


def test_walks_from_the_header_to_the_trailer(make_trace: Callable[..., Path]) -> None:
    with BlockFile(make_trace(per_block=4, digests=True)) as file:
        values, begin_bytes = file.header()
        assert values["created_by"] == "solo5-replay 0.1.0"
        tags = "".join(head.tag for head in file.heads(begin_bytes))
        assert tags == "G" + "Ed" * 4 + "SiT"
        trailer = file.trailer()
        assert trailer is not None
        assert file.head(trailer.index_offset_bytes).tag == "i"


@pytest.mark.parametrize("name", ["missing.mp", "nul\0", "x" * 300])
def test_what_cannot_be_opened_is_no_trace(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotATrace) as caught:
        BlockFile(f"{tmp_path}/{name}")
    assert "Errno" not in str(caught.value)


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotATrace, match="regular"):
        BlockFile(tmp_path / "fifo")
    with pytest.raises(NotATrace):
        BlockFile(tmp_path)


def test_seal_proves_the_header(make_trace: Callable[..., Path]) -> None:
    path = make_trace()
    data = bytearray(path.read_bytes())
    at = data.index(b"hello --flag")
    data[at] ^= 1
    path.write_bytes(data)
    with BlockFile(path) as file, pytest.raises(Corrupt, match="not what was written"):
        file.header()


def test_header_without_its_seal(make_trace: Callable[..., Path]) -> None:
    path = make_trace()
    with BlockFile(path) as file:
        begin_bytes = file.header()[1]
    data = path.read_bytes()
    seal_at = data.index(b"\x96\xa1H")
    path.write_bytes(data[:seal_at] + data[begin_bytes:])
    with BlockFile(path) as file, pytest.raises(Corrupt, match="seal"):
        file.header()


def test_payloads_must_be_in_the_file(make_trace: Callable[..., Path]) -> None:
    path = make_trace()
    path.write_bytes(path.read_bytes()[: -TRAILER_BYTES - 3])
    with BlockFile(path) as file:
        begin_bytes = file.header()[1]
        with pytest.raises(Truncated, match="3 bytes before the end of block 'i'"):
            list(file.heads(begin_bytes))


def test_file_that_shrinks_while_it_is_read(make_trace: Callable[..., Path]) -> None:
    path = make_trace()
    with BlockFile(path) as file:
        begin_bytes = file.header()[1]
        os.truncate(path, begin_bytes + 1)
        with pytest.raises(Truncated, match="shorter"):
            list(file.heads(begin_bytes))


def test_short_files_have_no_trailer(tmp_path: Path) -> None:
    (tmp_path / "a.mp").write_bytes(b"x")
    with BlockFile(tmp_path / "a.mp") as file:
        assert file.trailer() is None


def test_a_file_that_has_become_longer_can_be_read_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    path.write_bytes(b"one")
    with BlockFile(path) as file:
        path.write_bytes(b"one and two")
        with pytest.raises(Truncated):
            file.read(0, 11)
        assert file.grow()
        assert file.read(0, 11) == b"one and two"
        assert not file.grow()
        path.write_bytes(b"one")
        assert not file.grow()
