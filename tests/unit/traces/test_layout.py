from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from traces.blocks import BlockFile
from traces.errors import Corrupt, Truncated, WrongVersion
from traces.framing import EVENTS, TRAILER_BYTES, BlockEncoder, BlockHead
from traces.layout import Layout, find_layout

MakeTrace = Callable[..., Path]


def layout_of(path: Path) -> tuple[Layout, list[BlockHead]]:
    with BlockFile(path) as file:
        begin_bytes = file.header()[1]
        heads = list(file.heads(begin_bytes))
        return find_layout(file, begin_bytes), heads


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def test_finished_file_tells_its_layout(make_trace: MakeTrace) -> None:
    layout, heads = layout_of(make_trace(per_block=4))
    assert layout.sealed
    assert layout.event_count == 16
    assert layout.damage is None
    assert layout.end_bytes == next(head.offset_bytes for head in heads if head.tag == "S")


def test_walk_finds_what_the_trailer_tells(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=1)
    told, _ = layout_of(path)
    rewrite(path, lambda data: data[:-TRAILER_BYTES])
    walked, _ = layout_of(path)
    assert (walked.sealed, walked.damage) == (False, None)
    assert (walked.event_count, walked.end_bytes) == (told.event_count, told.end_bytes)
    assert walked.summary == told.summary
    assert walked.index.entries == told.index.entries


def test_torn_tail_is_told_and_left_out(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    rewrite(path, lambda data: data[:-1])
    with BlockFile(path) as file:
        layout = find_layout(file, file.header()[1])
    assert isinstance(layout.damage, Truncated)
    assert layout.event_count == 15
    assert layout.end_bytes == layout.damage.offset_bytes


def test_last_block_that_was_never_stored_is_left_out(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    rewrite(path, lambda data: data[:-4] + bytes(4))
    with BlockFile(path) as file:
        layout = find_layout(file, file.header()[1])
    assert isinstance(layout.damage, Corrupt)
    assert layout.event_count == 15


@pytest.mark.parametrize("tag", ["S", "i"])
def test_damaged_ending_is_told(make_trace: MakeTrace, tag: str) -> None:
    path = make_trace()
    _, heads = layout_of(path)
    head = next(head for head in heads if head.tag == tag)
    rewrite(path, lambda data: data[: head.end_bytes - 1] + b"\xee" + data[head.end_bytes :])
    layout, _ = layout_of(path)
    assert not layout.sealed
    assert isinstance(layout.damage, Corrupt)
    assert layout.event_count == 16
    assert (layout.summary is None) == (tag == "S")


def test_trailer_of_another_file_is_told(make_trace: MakeTrace) -> None:
    path = make_trace()
    rewrite(
        path,
        lambda data: data.replace(
            b"\x96\xa1E", BlockEncoder().encode("x", 0, 0, b"") + b"\x96\xa1E", 1
        ),
    )
    layout, _ = layout_of(path)
    assert (layout.sealed, layout.event_count) == (False, 16)
    assert isinstance(layout.damage, Corrupt)


def inserted(path: Path, block: bytes) -> None:
    """Put a block before the first block of events."""
    _, heads = layout_of(path)
    at = next(head.offset_bytes for head in heads if head.tag == EVENTS)
    rewrite(path, lambda data: data[:at] + block + data[at:])


def test_unknown_optional_blocks_are_passed_over(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    inserted(path, BlockEncoder().encode("z", 0, 3, b"later"))
    layout, _ = layout_of(path)
    assert (layout.event_count, layout.damage) == (16, None)


def test_unknown_required_blocks_are_refused(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    inserted(path, BlockEncoder().encode("Z", 0, 3, b"later"))
    with pytest.raises(WrongVersion, match="'Z'"):
        layout_of(path)


@pytest.mark.parametrize(
    ("first_event", "count"), [(1, 5), (0, 0), (0, 2**64 - 1), (2**64 - 1, 2**64 - 1)]
)
def test_blocks_of_events_follow_each_other(
    make_trace: MakeTrace, first_event: int, count: int
) -> None:
    path = make_trace(summary=None)
    inserted(path, BlockEncoder().encode("E", first_event, count, b"\x92\x01\x05"))
    layout, _ = layout_of(path)
    assert isinstance(layout.damage, Corrupt)
