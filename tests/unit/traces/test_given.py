"""The bytes that a guest gave, as a trace knows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from traces.errors import BadEvent
from traces.framing import BlockEncoder
from traces.given import FrameEvents, GivenCall, GivenCalls
from traces.reader import open_trace
from traces.tags import BLOCK_WRITE, CONSOLE_WRITE, NET_WRITE

MakeTrace = Callable[..., Path]
EVERY = [
    GivenCall(2, CONSOLE_WRITE, 6),
    GivenCall(5, BLOCK_WRITE, 512),
    GivenCall(9, NET_WRITE, 6),
]


def test_every_call_with_bytes_is_told(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        assert list(GivenCalls(trace)) == EVERY


def test_it_goes_on_when_the_trace_has_grown(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=4)
    data = path.read_bytes()
    second = data.index(b"\x96\xa1E", data.index(b"\x96\xa1E") + 1)
    path.write_bytes(data[:second])
    with open_trace(path) as trace:
        calls = GivenCalls(trace)
        assert list(calls) == EVERY[:1]
        assert list(calls) == []
        path.write_bytes(data)
        assert trace.refresh()
        assert list(calls) == EVERY[1:]


@pytest.mark.parametrize("event", [b"\x92\x03\xc4\x01x", b"\x91\x03"])
def test_a_length_that_is_none(make_trace: MakeTrace, event: bytes) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("E", 16, 1, event))
    with open_trace(path) as trace, pytest.raises(BadEvent):
        list(GivenCalls(trace))


def test_events_with_frames_are_told(make_trace: MakeTrace) -> None:
    nothing = (NetRead(2, 1514), NetFrame(1, b""))
    sent, received = (NetWrite(2, b"a"), IoStatus(2)), (NetRead(2, 9), NetFrame(0, b"frame"))
    path = make_trace([nothing, sent, nothing, received, received], per_block=2)
    with open_trace(path) as trace:
        frames = FrameEvents(trace)
        assert list(frames) == [[1], [3], [4]]
        assert list(frames) == []


def test_a_read_that_is_none_has_no_frame(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("E", 16, 1, b"\x92\x07\x01"))
    with open_trace(path) as trace:
        assert [event for each in FrameEvents(trace) for event in each] == [8, 9]


@pytest.mark.parametrize("event", [b"\x90", b"\x91\x91\x01", b"\x91\xc0"])
def test_an_event_without_a_tag(make_trace: MakeTrace, event: bytes) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("E", 16, 1, event))
    with open_trace(path) as trace:
        for way in (GivenCalls, FrameEvents):
            with pytest.raises(BadEvent):
                list(way(trace))
