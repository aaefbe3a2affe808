from __future__ import annotations

from monitors.calls.block import BlockData
from monitors.calls.clock import ClockReading
from monitors.calls.lifecycle import DONE
from traces.events import KNOWN, BytesDigest, CallRecord, describe_result


def test_call_records_print_as_calls() -> None:
    record = CallRecord("Misuse", (("kind", "INVALID_ACCESS"), ("n", 3)))
    assert str(record) == "Misuse(kind='INVALID_ACCESS', n=3)"
    assert str(CallRecord("WallClock")) == "WallClock()"


def test_digests_print_length_and_checksum() -> None:
    assert str(BytesDigest(9, 0xE3069283)) == "<9 bytes, crc32c e3069283>"


def test_results_print_short_bytes_in_full_and_long_ones_as_digests() -> None:
    assert describe_result(BlockData(0, b"abc")) == "BlockData(status=0, data=b'abc')"
    long = describe_result(BlockData(0, b"123456789" * 100))
    assert long.startswith("BlockData(status=0, data=<900 bytes, crc32c ")
    assert describe_result(ClockReading(5)) == "ClockReading(ns=5)"
    assert describe_result(DONE) == "Done()"
    assert describe_result(KNOWN) == "KnownData()"
