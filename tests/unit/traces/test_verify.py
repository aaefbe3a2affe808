from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest

from traces.errors import Corrupt, TraceError, Truncated
from traces.framing import BlockEncoder
from traces.reader import open_trace
from traces.verify import Verification, verify

MakeTrace = Callable[..., Path]


def verified(path: Path) -> Verification:
    with open_trace(path) as trace:
        return verify(trace)


def test_sound_trace(make_trace: MakeTrace, guest: bytes) -> None:
    path = make_trace(digests=True, per_block=8)
    found = verified(path)
    assert found == Verification(
        complete=True,
        events=16,
        digests=16,
        guest_bytes=len(guest),
        file_bytes=path.stat().st_size,
        blocks={"G": 1, "E": 2, "d": 2, "S": 1, "i": 1, "T": 1},
    )


def test_unfinished_trace_is_sound(make_trace: MakeTrace) -> None:
    found = verified(make_trace(summary=None, embedded=False))
    assert (found.complete, found.events, found.guest_bytes) == (False, 16, 0)


def test_torn_trace_is_not(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Truncated):
        verified(path)


@pytest.mark.slow
def test_every_flipped_byte_is_found(make_trace: MakeTrace) -> None:
    path = make_trace(digests=True)
    data = path.read_bytes()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        with pytest.raises(TraceError):
            verified(path)


def changed_index(path: Path, payload: bytes, count: int) -> None:
    """Replace the index of a finished trace by one of the same size."""
    data = path.read_bytes()
    at = data.index(b"\x96\xa1i")
    block = BlockEncoder().encode("i", 16, count, payload)
    path.write_bytes(data[:at] + block + data[at + len(block) :])


@pytest.mark.parametrize("shift", [1, -1])
def test_index_must_name_blocks(make_trace: MakeTrace, shift: int) -> None:
    path = make_trace()
    with open_trace(path) as trace:
        ((event, offset_bytes),) = trace.layout.index.entries
    changed_index(path, msgpack.packb(event) + msgpack.packb(offset_bytes + shift), 1)
    with pytest.raises(Corrupt):
        verified(path)


def test_index_must_name_the_right_events(make_trace: MakeTrace) -> None:
    path = make_trace()
    with open_trace(path) as trace:
        ((_, offset_bytes),) = trace.layout.index.entries
    changed_index(path, msgpack.packb(3) + msgpack.packb(offset_bytes), 1)
    with pytest.raises(Corrupt, match="index"):
        verified(path)


@pytest.mark.parametrize("events", [[3, 3], [5, 4], [99]])
def test_digests_ascend_and_belong_to_events(make_trace: MakeTrace, events: list[int]) -> None:
    path = make_trace(summary=None)
    payload = b"".join(msgpack.packb([event, b"r", b"m"]) for event in events)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("d", 0, len(events), payload))
    with pytest.raises(Corrupt, match="digest"):
        verified(path)
