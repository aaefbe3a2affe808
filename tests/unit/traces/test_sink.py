from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from traces.blocks import BlockFile
from traces.errors import TraceExists, TraceWriteError
from traces.sink import FileSink, ObjectSink, open_sink


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """What is written beyond ``size`` bytes fails as on a full disk; so would pytest's own output,
    which is why this is no fixture."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_writes_append_and_count(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp")
    sink.write(b"abc")
    sink.write(b"def")
    assert sink.size_bytes == 6
    assert (tmp_path / "a.mp").read_bytes() == b"abcdef"
    sink.close()
    sink.close()


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    path.write_bytes(b"precious")
    with pytest.raises(TraceExists, match=r"a\.mp"):
        FileSink(path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["missing/a.mp", "x" * 300, "nul\0"])
def test_what_cannot_be_created_is_typed(tmp_path: Path, name: str) -> None:
    with pytest.raises(TraceWriteError):
        FileSink(f"{tmp_path}/{name}")


def test_full_disk_leaves_the_last_whole_write(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp")
    sink.write(b"x" * 600)
    with files_end_at(1000), pytest.raises(TraceWriteError, match="stays valid"):
        sink.write(b"y" * 600)
    assert sink.size_bytes == 600
    assert (tmp_path / "a.mp").read_bytes() == b"x" * 600
    sink.close()


def test_discard_leaves_nothing(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp")
    sink.write(b"x")
    sink.discard()
    assert list(tmp_path.iterdir()) == []


class _Dribble(io.RawIOBase):
    """Takes three bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data[:3]
        return len(data[:3])


def test_objects_may_take_less_than_all() -> None:
    file = _Dribble()
    sink = ObjectSink(file)
    sink.write(b"0123456789")
    assert (file.data, sink.size_bytes) == (b"0123456789", 10)


def test_objects_are_left_open() -> None:
    file = io.BytesIO()
    sink = open_sink(file)
    sink.write(b"x")
    sink.close()
    sink.discard()
    assert file.getvalue() == b"x"


def test_failing_objects_are_typed() -> None:
    file = io.BytesIO()
    file.close()
    with pytest.raises(TraceWriteError):
        ObjectSink(file).write(b"x")


def test_paths_become_files(tmp_path: Path) -> None:
    sink = open_sink(os.fspath(tmp_path / "a.mp"))
    assert isinstance(sink, FileSink)
    sink.close()


def test_others_see_that_it_is_being_written(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp")
    with BlockFile(tmp_path / "a.mp") as reader:
        assert reader.has_writer()
        sink.close()
        assert not reader.has_writer()
