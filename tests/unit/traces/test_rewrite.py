from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from google_crc32c import value as crc32c

from monitors.calls.block import BlockData
from monitors.calls.net import NetFrame
from traces.errors import Corrupt, DamagedTrace, TraceExists
from traces.events import Event, KnownData
from traces.framing import BlockEncoder
from traces.reader import open_trace
from traces.rewrite import (
    CUT_TO,
    CannotRewrite,
    Change,
    redacted_bytes,
    rewrite,
)
from traces.summary import Outcome
from traces.verify import verify

MakeTrace = Callable[..., Path]


def rewritten(path: Path, **change: object) -> Path:
    out = path.with_suffix(".out.mp")
    with open_trace(path) as trace:
        change.setdefault("guest", trace.guest())
        rewrite(trace, out, Change(**change))  # type: ignore[arg-type]
    return out


def events(path: Path) -> list[Event]:
    with open_trace(path) as trace:
        return list(trace.events())


def test_without_a_change_nothing_changes(make_trace: MakeTrace) -> None:
    path = make_trace(digests=True)
    assert rewritten(path).read_bytes() == path.read_bytes()


def test_the_guest_goes_and_comes_back(make_trace: MakeTrace) -> None:
    path = make_trace(digests=True)
    with open_trace(path) as trace:
        guest = trace.guest()
    assert guest is not None
    small = rewritten(path, guest=None)
    with open_trace(small) as trace:
        assert trace.guest() is None
        assert not trace.header.guest.embedded
        assert verify(trace).complete
    assert events(small) == events(path)
    assert rewritten(small, guest=guest).read_bytes() == path.read_bytes()


def test_another_guest_is_refused(make_trace: MakeTrace) -> None:
    path = make_trace()
    with pytest.raises(CannotRewrite, match="was not recorded of this guest"):
        rewritten(path, guest=b"another")
    assert not path.with_suffix(".out.mp").exists()


@pytest.mark.parametrize("end", range(1, 16))
def test_cut_everywhere(make_trace: MakeTrace, end: int) -> None:
    path = make_trace(digests=True)
    out = rewritten(path, end=end)
    assert events(out) == events(path)[:end]
    with open_trace(out) as trace, open_trace(path) as whole:
        assert verify(trace).events == end
        assert trace.header.options[CUT_TO] == end
        assert trace.summary is not None
        assert trace.summary.outcome is Outcome.INTERRUPTED
        assert trace.summary.detail == f"cut on purpose at event {end} of {whole.event_count}"
        kept = [each for each in whole.digests() if each.event < end]
        assert list(trace.digests()) == kept
        lengths = [
            value.length  # type: ignore[union-attr]
            for event in islice(whole.events(), end)
            if event.call.name == "ConsoleWrite"
            for _, value in event.call.fields
        ]
        assert trace.summary.console_bytes == sum(lengths)


@pytest.mark.parametrize("end", [0, 16, 1 << 70])
def test_a_cut_must_leave_something_and_something_out(make_trace: MakeTrace, end: int) -> None:
    with pytest.raises(CannotRewrite, match=f"cannot be cut to {end} events: it has 16"):
        rewritten(make_trace(), end=end)


@pytest.mark.parametrize("families", [("net",), ("block",), ("net", "block")])
def test_redacted_bytes_keep_length_and_digest(
    make_trace: MakeTrace, families: tuple[str, ...]
) -> None:
    path = make_trace(digests=True)
    out = rewritten(path, redact=frozenset(families))
    kinds = {"net": NetFrame, "block": BlockData}
    changed = 0
    for before, after in zip(events(path), events(out), strict=True):
        assert after.call == before.call
        result = before.result
        if isinstance(result, tuple(kinds[each] for each in families)) and result.data:
            changed += 1
            assert after.result == replace(result, data=redacted_bytes(result.data))
        else:
            assert after.result == result
    assert changed
    with open_trace(out) as trace:
        assert trace.redacted == frozenset(families)
        assert trace.header.version == (1, 1)
        assert verify(trace).complete


def test_what_stands_for_bytes() -> None:
    data = b"something private"
    stands = redacted_bytes(data)
    assert len(stands) == len(data)
    assert int.from_bytes(stands[:4], "big") == crc32c(data)
    assert not any(stands[4:])
    assert len(redacted_bytes(b"ab")) == 2
    assert redacted_bytes(b"") == b""


def test_a_redacted_trace_stays_redacted(make_trace: MakeTrace) -> None:
    first = rewritten(make_trace(), redact=frozenset(("net",)))
    again = rewritten(first, redact=frozenset(("block",)), end=9)
    with open_trace(again) as trace:
        assert trace.redacted == {"net", "block"}
    assert open_and_close(rewritten(make_trace())) == frozenset()


def open_and_close(path: Path) -> frozenset[str]:
    with open_trace(path) as trace:
        return trace.redacted


def test_known_bytes_stay_known(make_trace: MakeTrace) -> None:
    path = make_trace()
    known = [isinstance(event.result, KnownData) for event in events(path)]
    out = rewritten(path, redact=frozenset(("block",)))
    assert any(known)
    assert [isinstance(event.result, KnownData) for event in events(out)] == known


def test_a_trace_without_an_end_gets_none(make_trace: MakeTrace) -> None:
    path = make_trace(summary=None)
    out = rewritten(path)
    with open_trace(out) as trace:
        assert trace.summary is None
        assert trace.event_count == 16


def test_nothing_is_overwritten(make_trace: MakeTrace) -> None:
    path = make_trace()
    rewritten(path)
    with pytest.raises(TraceExists):
        rewritten(path)


def test_damage_leaves_nothing(make_trace: MakeTrace) -> None:
    path = make_trace()
    with open_trace(path) as trace:
        last = [head for head in trace.blocks() if head.tag == "E"][-1]
    data = bytearray(path.read_bytes())
    data[last.payload_offset_bytes] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedTrace):
        rewritten(path)
    assert not path.with_suffix(".out.mp").exists()


def test_a_damaged_list_of_what_was_redacted(make_trace: MakeTrace) -> None:
    out = rewritten(make_trace(), redact=frozenset(("net",)))
    blocks = BlockEncoder()
    right, wrong = (blocks.encode("R", 0, 1, text) for text in (b"net", b"\xff\xfe\xfd"))
    data = out.read_bytes()
    assert data.count(right) == 1
    out.write_bytes(data.replace(right, wrong))
    with open_trace(out) as trace, pytest.raises(Corrupt, match="what was redacted is damaged"):
        assert trace.redacted
