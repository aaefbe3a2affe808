from __future__ import annotations

import msgpack

from traces.ending import encode_ending
from traces.framing import TRAILER_BYTES, BlockEncoder, parse_trailer
from traces.index import BlockIndex, IndexBuilder
from traces.summary import Outcome, Summary, summary_from_map


def test_three_blocks_that_find_each_other() -> None:
    index = IndexBuilder()
    index.note("E", 0, 500)
    summary = Summary(Outcome.MISUSE, events=9, detail="why")
    data = encode_ending(summary, index, 1000, BlockEncoder())
    trailer = parse_trailer(data[-TRAILER_BYTES:])
    assert trailer is not None
    assert (trailer.event_count, trailer.summary_offset_bytes) == (9, 1000)
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    first, second, last = unpacker
    assert (first[0], second[0], last[0]) == ("S", "i", "T")
    assert summary_from_map(msgpack.unpackb(first[5])) == summary
    assert BlockIndex(second[5]).entries == [(0, 500)]
    at = trailer.index_offset_bytes - 1000
    assert msgpack.packb(second) == data[at:-TRAILER_BYTES]
