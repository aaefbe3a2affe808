from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest

from traces.errors import NotATrace, TraceExists
from traces.framing import TRAILER_BYTES, BlockEncoder
from traces.reader import open_trace
from traces.salvage import SalvageReport, salvage
from traces.summary import Outcome
from traces.verify import verify

MakeTrace = Callable[..., Path]


def salvaged(path: Path) -> tuple[SalvageReport, Path]:
    out = path.with_suffix(".out.mp")
    return salvage(path, out), out


def check(out: Path, events: int, *, outcome: Outcome = Outcome.SALVAGED) -> None:
    with open_trace(out) as trace:
        assert trace.layout.sealed
        assert verify(trace).events == events
        assert trace.summary.outcome == outcome


def test_sound_trace_stays_as_it_is(make_trace: MakeTrace) -> None:
    path = make_trace(digests=True)
    report, out = salvaged(path)
    assert out.read_bytes() == path.read_bytes()
    assert (report.events_kept, report.bytes_lost, report.ended, report.reason) == (16, 0, True, "")


def test_unfinished_trace_gets_an_ending(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    report, out = salvaged(path)
    check(out, 16)
    assert (report.bytes_lost, report.ended) == (0, False)
    assert report.reason == "the trace was not finished"


@pytest.mark.parametrize("cut", [1, TRAILER_BYTES, TRAILER_BYTES + 10])
def test_lost_trailer_and_index_are_made_anew(make_trace: MakeTrace, cut: int) -> None:
    path = make_trace()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    report, out = salvaged(path)
    assert out.read_bytes() == whole
    assert (report.ended, report.bytes_lost) == (True, 0)


@pytest.mark.parametrize("where", [b"solo5-replay 0.1.0", b"\x96\xa1E\x05"])
def test_the_reason_does_not_advise_to_salvage(make_trace: MakeTrace, where: bytes) -> None:
    path = make_trace()
    data = bytearray(path.read_bytes())
    data[data.index(where) + len(where)] ^= 0xFF
    path.write_bytes(data)
    report, _ = salvaged(path)
    assert report.reason
    assert "salvage" not in report.reason


def test_damage_in_the_middle_keeps_what_stands_before(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=4)
    data = bytearray(path.read_bytes())
    third = data.index(b"\x96\xa1E\x08")
    data[third + 15] ^= 0xFF
    path.write_bytes(data)
    report, out = salvaged(path)
    check(out, 8)
    assert report.bytes_kept == third
    assert report.bytes_lost == len(data) - third
    assert "checksum" in report.reason
    assert f"byte {third}" in report.reason
    with open_trace(out) as trace:
        assert not trace.complete
        assert "checksum" in trace.summary.detail


@pytest.mark.parametrize(
    "block",
    [
        BlockEncoder().encode("E", 16, 1, b"\x92\x63\x01"),
        BlockEncoder().encode("E", 16, 2, b"\x92\x01\x01"),
        BlockEncoder().encode("E", 17, 1, b"\x92\x01\x01"),
        BlockEncoder().encode("E", 16, 1, b"\xc1"),
        BlockEncoder().encode("Q", 16, 1, b""),
        BlockEncoder().encode("d", 16, 1, msgpack.packb([16, b"", b""])),
        BlockEncoder().encode("d", 16, 2, msgpack.packb([15, b"", b""])),
        BlockEncoder().encode("d", 0, 1, b"\xc1"),
        BlockEncoder().encode("S", 16, 1, b"\x80"),
        BlockEncoder().encode("S", 15, 1, b"\xc1"),
    ],
)
def test_blocks_with_right_checksums_and_wrong_contents(
    make_trace: MakeTrace, block: bytes
) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + block)
    report, out = salvaged(path)
    check(out, 16)
    assert report.bytes_lost == len(block)
    assert report.reason


def test_unknown_optional_blocks_are_kept(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    path.write_bytes(path.read_bytes() + BlockEncoder().encode("q", 16, 1, b"later"))
    report, out = salvaged(path)
    check(out, 16)
    assert report.bytes_lost == 0
    assert b"later" in out.read_bytes()


def test_unusable_header_leaves_no_file(make_trace: MakeTrace) -> None:
    path = make_trace()
    path.write_bytes(path.read_bytes()[:50])
    report, out = salvaged(path)
    assert not out.exists()
    assert (report.out, report.bytes_kept, report.bytes_lost) == ("", 0, 50)
    assert "header" in report.reason


def test_trace_of_another_version_leaves_no_file(tmp_path: Path) -> None:
    header = {"format": "solo5-replay trace", "version": [9, 0], "created_by": "x"}
    (tmp_path / "a.mp").write_bytes(msgpack.packb(header))
    report, out = salvaged(tmp_path / "a.mp")
    assert not out.exists()
    assert "9.0" in report.reason


def test_result_is_never_written_over_a_file(make_trace: MakeTrace) -> None:
    path = make_trace()
    with pytest.raises(TraceExists):
        salvage(path, path)


def test_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(NotATrace):
        salvaged(tmp_path / "none.mp")
