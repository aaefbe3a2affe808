from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from traces.arrays import unpack_events
from traces.blocks import BlockFile
from traces.errors import BadEvent, Corrupt, NotATrace, Truncated, WrongVersion
from traces.events import StateDigest
from traces.framing import EVENTS, TRAILER_BYTES, BlockEncoder
from traces.header import Header
from traces.migrate import Step
from traces.reader import Trace, open_trace
from traces.summary import Outcome, Summary

MakeTrace = Callable[..., Path]


def test_finished_trace(
    make_trace: MakeTrace, make_header: Callable[..., Header], guest: bytes
) -> None:
    path = make_trace()
    with open_trace(path) as trace:
        assert trace.path == str(path)
        assert trace.header == make_header(embedded=True)
        assert trace.summary == Summary(Outcome.HALTED, status=7, events=16, console_bytes=6)
        assert (trace.complete, trace.damage, trace.event_count) == (True, None, 16)
        assert trace.guest() == guest
        assert list(trace.digests()) == []
        assert [event.index for event in trace.events(14)] == [14, 15]


def test_nothing_but_msgpack_is_needed_to_look_inside(make_trace: MakeTrace) -> None:
    path = make_trace(digests=True, per_block=2)
    with path.open("rb") as file:
        header, *blocks = msgpack.Unpacker(file)
    assert header["format"] == "solo5-replay trace"
    assert header["version"] == [1, 0]
    assert header["guest"]["name"] == "hello.hvt"
    assert all(len(block) == 6 for block in blocks)
    assert "".join(block[0] for block in blocks) == "HG" + "Ed" * 8 + "SiT"
    events = [block for block in blocks if block[0] == "E"]
    assert sum(block[2] for block in events) == 16
    first = msgpack.Unpacker()
    first.feed(events[0][5])
    assert next(first) == [1, 1_790_000_000_000_000_000]


def test_trace_without_its_guest(make_trace: MakeTrace) -> None:
    with open_trace(make_trace(embedded=False)) as trace:
        assert trace.guest() is None
        assert not trace.header.guest.embedded


def test_digests_from_any_event(make_trace: MakeTrace) -> None:
    with open_trace(make_trace(digests=True, per_block=3)) as trace:
        every = list(trace.digests())
        assert every[3] == StateDigest(3, b"r0000003", b"m0000003")
        for start in range(17):
            assert list(trace.digests(start)) == every[start:]


def test_incomplete_trace_replays_to_its_end(make_trace: MakeTrace) -> None:
    with open_trace(make_trace(summary=None)) as trace:
        assert (trace.complete, trace.summary, trace.damage) == (False, None, None)
        assert len(list(trace.events())) == trace.event_count == 16


def test_torn_trace_replays_to_its_last_whole_block(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes()[:-1])
    with open_trace(path) as trace:
        assert isinstance(trace.damage, Truncated)
        assert len(list(trace.events())) == trace.event_count == 15


def test_salvaged_trace_is_not_complete(make_trace: MakeTrace) -> None:
    with open_trace(make_trace(summary=Summary(Outcome.SALVAGED))) as trace:
        assert trace.layout.sealed
        assert not trace.complete


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x02\x01\x01", b"{}", bytes(100)])
def test_other_files_are_no_traces(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp").write_bytes(content)
    with pytest.raises(NotATrace, match=r"a\.mp"):
        open_trace(tmp_path / "a.mp")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotATrace, match=r"none\.mp.*No such file"):
        open_trace(tmp_path / "none.mp")


def test_newer_major_is_refused_by_naming_its_release(tmp_path: Path) -> None:
    header = {"format": "solo5-replay trace", "version": [2, 0], "created_by": "solo5-replay 8.1.0"}
    (tmp_path / "a.mp").write_bytes(msgpack.packb(header) + b"whatever")
    with pytest.raises(WrongVersion, match=r"a\.mp.*2\.0.*solo5-replay 8\.1\.0"):
        open_trace(tmp_path / "a.mp")


def test_newer_minor_is_read(make_trace: MakeTrace) -> None:
    path = make_trace(embedded=False)
    data = path.read_bytes()
    seal_at = data.index(b"\x96\xa1H")
    begin_at = data.index(b"\x96\xa1E")
    header = msgpack.unpackb(data[:seal_at])
    header["version"] = [1, 7]
    header["later"] = [1, 2, 3]
    changed = msgpack.packb(header)
    from traces.preamble import seal_of

    seal = BlockEncoder().encode("H", 0, len(changed), seal_of(changed))
    path.write_bytes(changed + seal + data[begin_at:])
    with open_trace(path) as trace:
        assert trace.header.version == (1, 7)
        assert trace.event_count == 16


def rewritten_guest(path: Path, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    start, end = data.index(b"\x96\xa1G"), data.index(b"\x96\xa1E")
    path.write_bytes(data[:start] + change(data[start:end]) + data[end:])


@pytest.mark.parametrize(
    "change",
    [
        lambda block: b"",
        lambda block: block + block,
        lambda block: BlockEncoder().encode("G", 0, 5, b"other"),
        lambda block: BlockEncoder().encode("z", 0, 0, b"") + block[:3] + b"\xcc\x00" + block[4:],
    ],
)
def test_guest_that_is_not_the_recorded_one(
    make_trace: MakeTrace, change: Callable[[bytes], bytes]
) -> None:
    path = make_trace(summary=None)
    rewritten_guest(path, change)
    with open_trace(path) as trace, pytest.raises(Corrupt):
        trace.guest()


def test_damaged_digests_are_typed(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("d", 0, 1, b"\x91\x01"))
    with open_trace(path) as trace, pytest.raises(Corrupt, match="digests"):
        list(trace.digests())


class GrowingFile:
    """A copy of a file that comes piece by piece."""

    def __init__(self, original: Path) -> None:
        self._data = original.read_bytes()
        self.path = original.with_suffix(".growing")
        with open_trace(original) as trace:
            self.begin_bytes = trace.layout.begin_bytes
        self.size = len(self._data)

    def grow_to(self, size: int) -> None:
        self.path.write_bytes(self._data[:size])


def seen(trace: Trace) -> tuple[object, ...]:
    layout = trace.layout
    damage = layout.damage and (type(layout.damage), layout.damage.offset_bytes)
    known = (layout.event_count, layout.end_bytes, layout.summary, layout.sealed, trace.complete)
    return *known, layout.index.entries, damage, list(trace.events()), list(trace.digests())


def test_trace_that_comes_byte_by_byte_is_at_each_moment_as_if_opened_then(
    make_trace: MakeTrace,
) -> None:
    file = GrowingFile(make_trace(embedded=False, per_block=3, digests=True))
    file.grow_to(file.begin_bytes)
    with open_trace(file.path) as trace:
        for size in range(file.begin_bytes + 1, file.size + 1):
            file.grow_to(size)
            before = trace.event_count, trace.complete, trace.summary
            grown = trace.refresh()
            assert grown == (before != (trace.event_count, trace.complete, trace.summary))
            with open_trace(file.path) as opened:
                assert seen(trace) == seen(opened)
        assert trace.complete
        assert not trace.refresh()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_from_any_part_of_a_trace_one_comes_to_the_whole(
    make_trace: MakeTrace, crossings: SearchStrategy[tuple], data: st.DataObject
) -> None:
    run = data.draw(st.lists(crossings, min_size=1, max_size=30))
    per_block = data.draw(st.integers(1, 8))
    summary = data.draw(st.sampled_from([None, Summary(Outcome.HALTED)]))
    digests = data.draw(st.booleans())
    path = make_trace(run, per_block=per_block, digests=digests, summary=summary)
    file = GrowingFile(path)
    sizes = data.draw(st.lists(st.integers(file.begin_bytes, file.size), max_size=6))
    file.grow_to(min(sizes, default=file.begin_bytes))
    with open_trace(file.path) as trace, open_trace(path) as whole:
        for size in sorted(sizes):
            file.grow_to(size)
            trace.refresh()
        file.grow_to(file.size)
        trace.refresh()
        assert seen(trace) == seen(whole)
        assert trace.guest() == whole.guest()


def test_bytes_of_the_last_block_may_come_after_its_length(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None, per_block=8)
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes(40))
    with open_trace(path) as trace:
        assert (trace.event_count, trace.refresh(), type(trace.damage)) == (8, False, Corrupt)
        path.write_bytes(data)
        assert (trace.refresh(), trace.event_count, trace.damage) == (True, 16, None)
        assert len(list(trace.events())) == 16


def test_what_was_walked_over_is_not_read_again(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_trace(summary=None, per_block=1)
    file = GrowingFile(path)
    file.grow_to(file.size - 1)
    read: list[int] = []
    original = BlockFile.read

    def counted(self: BlockFile, offset_bytes: int, size: int) -> bytes:
        read.append(offset_bytes)
        return original(self, offset_bytes, size)

    with open_trace(file.path) as trace:
        end = trace.layout.end_bytes
        monkeypatch.setattr(BlockFile, "read", counted)
        file.grow_to(file.size)
        assert trace.refresh()
    assert min(read) >= min(end, file.size - TRAILER_BYTES)


def test_block_of_a_later_version_is_refused_when_it_comes(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    with open_trace(path) as trace:
        path.write_bytes(path.read_bytes() + BlockEncoder().encode("Z", 16, 3, b"later"))
        for _ in range(2):
            with pytest.raises(WrongVersion, match="'Z'"):
                trace.refresh()
            path.write_bytes(path.read_bytes() + b"more")
        assert len(list(trace.events())) == 16


def test_file_that_becomes_shorter_brings_nothing(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    with open_trace(path) as trace:
        path.write_bytes(path.read_bytes()[:-3])
        assert not trace.refresh()
        assert trace.event_count == 16


def test_events_as_bytes_are_those_of_the_present_version(make_trace: MakeTrace) -> None:
    step = Step(dict, dict, lambda arrays: ([*array, 7] for array in arrays))
    with open_trace(make_trace()) as trace:
        head = next(head for head in trace.blocks() if head.tag == EVENTS)
        before = list(trace.arrays(head))
        assert list(unpack_events(trace.event_payload(head))) == before
        trace._steps = (step,)
        assert list(unpack_events(trace.event_payload(head))) == [[*array, 7] for array in before]


def test_a_step_that_makes_nonsense_is_damage(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        head = next(head for head in trace.blocks() if head.tag == EVENTS)
        trace._steps = (Step(dict, dict, lambda arrays: ([2**70] for _ in arrays)),)
        with pytest.raises(BadEvent, match="up to date"):
            trace.event_payload(head)
