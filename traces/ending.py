"""The last three blocks of a finished trace, which are written together."""

from __future__ import annotations

from traces.framing import INDEX, SUMMARY, BlockEncoder, Trailer, encode_trailer
from traces.index import IndexBuilder
from traces.packing import new_packer
from traces.summary import Summary, summary_to_map


def encode_ending(
    summary: Summary, index: IndexBuilder, offset_bytes: int, blocks: BlockEncoder
) -> bytes:
    """Summary, index and trailer for a file of ``offset_bytes`` so far."""
    packed = new_packer()(summary_to_map(summary))
    summary_block = blocks.encode(SUMMARY, summary.events, 1, packed)
    index_block = blocks.encode(INDEX, summary.events, index.count, index.payload())
    index_offset_bytes = offset_bytes + len(summary_block)
    trailer = Trailer(summary.events, index_offset_bytes, offset_bytes)
    return summary_block + index_block + encode_trailer(trailer)
