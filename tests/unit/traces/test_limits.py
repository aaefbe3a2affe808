from __future__ import annotations

from traces import limits
from traces.framing import BlockEncoder, encode_trailer, parse_block_head
from traces.framing import Trailer as AnyTrailer


def test_longest_head_fits_its_window() -> None:
    encoder = BlockEncoder()
    largest = encoder.encode("x", limits.U64_MAX, limits.U64_MAX, b"\0" * 0x10000)
    head = parse_block_head(largest[: limits.BLOCK_HEAD_BYTES_MAX], 0)
    assert head.head_bytes <= limits.BLOCK_HEAD_BYTES_MAX
    trailer = encode_trailer(AnyTrailer(0, 0, 0))
    assert parse_block_head(trailer[: limits.BLOCK_HEAD_BYTES_MAX], 0).tag == "T"


def test_one_event_held_three_times_stays_far_below_200_mb() -> None:
    assert 3 * limits.EVENT_BYTES_MAX < 110e6


def test_a_summary_fits_into_its_block() -> None:
    assert 4 * limits.TEXT_BYTES_MAX + 1000 < limits.BLOCK_BYTES <= limits.HEADER_BYTES_MAX
