"""Every trace that was ever released must be read, and say the same as on its first day."""

from __future__ import annotations

import runpy
from pathlib import Path

import msgpack
import pytest

from traces.arrays import unpack_events
from traces.header import VERSION
from traces.migrate import RELEASES
from traces.preamble import encode_header, parse_header
from traces.reader import open_trace
from traces.verify import verify

HERE = Path(__file__).parent
MAKER = runpy.run_path(str(HERE / "make_corpus.py"))
CORPUS = Path(MAKER["CORPUS"])
TRACES = sorted(CORPUS.glob("*.mp"))


def ids(path: Path) -> str:
    return path.stem


def test_corpus_has_every_released_version() -> None:
    versions = set()
    for path in TRACES:
        with open_trace(path) as trace:
            versions.add(trace.header.version)
    assert {major for major, _ in versions} == set(RELEASES)
    assert VERSION in versions


@pytest.mark.parametrize("path", TRACES, ids=ids)
def test_trace_says_what_it_always_said(path: Path) -> None:
    with open_trace(path) as trace:
        assert verify(trace).complete
        assert MAKER["render"](trace) == (HERE / f"{path.stem}.txt").read_text()


@pytest.mark.parametrize("path", TRACES, ids=ids)
def test_header_and_events_are_in_their_shortest_form(path: Path) -> None:
    with open_trace(path) as trace:
        values, size = parse_header(path.read_bytes())
        assert encode_header(values) == path.read_bytes()[:size]
        for head in trace.blocks():
            if head.tag == "E":
                payload = trace.payload(head)
                assert b"".join(msgpack.packb(a) for a in unpack_events(payload)) == payload


@pytest.mark.parametrize("name", MAKER["SYNTHETIC"])
def test_synthetic_traces_are_still_written_the_same(name: str, tmp_path: Path) -> None:
    """Header, events and digests; compressed bytes may change with the zstd library."""
    MAKER["SYNTHETIC"][name](tmp_path / name)
    with open_trace(tmp_path / name) as ours, open_trace(CORPUS / name) as golden:
        assert ours.header == golden.header
        ours_begin, golden_begin = ours.layout.begin_bytes, golden.layout.begin_bytes
        assert (tmp_path / name).read_bytes()[:ours_begin] == (
            (CORPUS / name).read_bytes()[:golden_begin]
        )
        for made, kept in zip(ours.blocks(), golden.blocks(), strict=True):
            assert (made.tag, made.first_event, made.count) == (
                kept.tag,
                kept.first_event,
                kept.count,
            )
            if made.tag in "EdSG":
                assert ours.payload(made) == golden.payload(kept)
