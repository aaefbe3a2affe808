from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from replay.engines.sites import decode
from replay.player.errors import Divergence
from replay.player.executed import (
    CODE_BYTES_MAX,
    Block,
    Executed,
    ExecutionCounter,
    NoCode,
    code_range,
)
from replay.player.session import Changes
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from tests.unit.replay.recordings import Recorder, Recording
from traces.reader import open_trace

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")


@contextmanager
def counter(recording: Recording, changes: Changes | None = None) -> Iterator[ExecutionCounter]:
    with open_trace(recording.path) as trace, closing(ExecutionCounter(trace, changes)) as made:
        yield made


def executed(recording: Recording) -> Executed:
    with counter(recording) as made:
        found = made.run()
    assert found is not None
    return found


@pytest.mark.slow
def test_every_instruction_of_a_run(recorder: Recorder) -> None:
    """Against a walk through the whole run."""
    recording = recorder.record("hello", "Hello")
    seen: Counter[int] = Counter()
    with open_trace(recording.path) as trace, closing(Timeline(trace)) as timeline:
        while timeline.position < timeline.end:
            seen[timeline.registers()["rip"]] += 1
            timeline.step(1)
    found = executed(recording)
    assert {address: found.count(address) for address in seen} == dict(seen)
    code = Symbols(found.guest).code
    pieces = [(code(block.start, block.start + block.size), block) for block in found.blocks(code)]
    starts = [start for data, block in pieces for start, *_ in decode(data, block.start)]
    assert starts == sorted(seen), "and nothing else was executed"


def test_functions_that_are_called_a_known_number_of_times(recorder: Recorder) -> None:
    found = executed(recorder.record("hello", "Hello"))
    symbols = Symbols(found.guest)
    (main,) = symbols.functions("solo5_app_main")
    (start,) = symbols.functions("_start")
    assert (found.count(main.address), found.count(start.address)) == (1, 1)
    assert found.count(0) == found.count(1 << 63) == 0
    assert any(not found.count(each.address) for each in symbols.all_functions())


def test_pieces() -> None:
    code = b"\x90\x90\x74\x00\x90\x90\x90\xe8\x00\x00\x00\x00\x90"  # nops, je, nops, call, nop
    found = Executed(100, [3] * 4 + [2, 2, 2] + [2] * 5 + [0], b"")
    assert list(found.stretches()) == [Block(100, 4, 3), Block(104, 8, 2)]
    assert list(found.blocks(lambda start, end: code[start - 100 : end - 100])) == [
        Block(100, 4, 3),
        Block(104, 8, 2),
    ]
    same = Executed(100, [1] * 13, b"")
    assert list(same.blocks(lambda start, end: code[start - 100 : end - 100])) == [
        Block(100, 4, 1),
        Block(104, 8, 1),
        Block(112, 1, 1),
    ]
    assert list(same.blocks(lambda _start, _end: b"")) == [Block(100, 13, 1)]


def test_interruption(recorder: Recorder) -> None:
    with counter(recorder.record("hello")) as made:
        made._replay.begin = made.interrupt  # type: ignore[method-assign]
        assert made.run() is None
        assert "+" in made.position or made.position.isdigit()


def test_progress_is_told(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    told: list[int] = []
    with counter(recording) as made:
        made.run(told.append)
    assert told[-1] == recording.recorded.events


def test_a_divergence(recorder: Recorder) -> None:
    changes = Changes(command_line=b"other words")
    with counter(recorder.record("hello", "Hello"), changes) as made, pytest.raises(Divergence):
        made.run()


def elf(*segments: tuple[int, int, int]) -> bytes:
    """A file with nothing but loadable segments: flags, address and size."""
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head = ELF_HEADER.pack(ident, 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    return head + b"".join(
        PROGRAM_HEADER.pack(1, flags, 0, at, at, size, size, 1) for flags, at, size in segments
    )


def test_where_code_lies() -> None:
    assert code_range(elf((5, 0x1000, 16), (6, 0x9000, 99), (5, 0x3000, 1))) == (0x1000, 0x3001)


@pytest.mark.parametrize(
    "file", [b"", b"nothing", elf(), elf((6, 0, 9)), elf((5, 0, CODE_BYTES_MAX + 1))]
)
def test_files_without_code(file: bytes) -> None:
    with pytest.raises(NoCode):
        code_range(file)
