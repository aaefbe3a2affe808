"""Every trace that was ever released must be read, and say the same as on its first day."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.ending import Halted, Misused
from replay.player.session import ReplaySession
from tests.golden.make_corpus import CORPUS, HERE, SYNTHETIC, render
from tests.golden.recorded import RECORDED
from traces.arrays import unpack_events
from traces.header import VERSION
from traces.migrate import RELEASES
from traces.preamble import encode_header, parse_header
from traces.reader import open_trace
from traces.summary import Outcome
from traces.verify import verify

TRACES = sorted(CORPUS.glob("*.mp"))
REPLAYABLE = [path for path in TRACES if path.name not in SYNTHETIC]


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
        assert render(trace) == (HERE / f"{path.stem}.txt").read_text()


@pytest.mark.parametrize("path", TRACES, ids=ids)
def test_header_and_events_are_in_their_shortest_form(path: Path) -> None:
    with open_trace(path) as trace:
        values, size = parse_header(path.read_bytes())
        assert encode_header(values) == path.read_bytes()[:size]
        for head in trace.blocks():
            if head.tag == "E":
                payload = trace.payload(head)
                assert b"".join(msgpack.packb(a) for a in unpack_events(payload)) == payload


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic_traces_are_still_written_the_same(name: str, tmp_path: Path) -> None:
    """Header, events and digests; compressed bytes may change with the zstd library."""
    SYNTHETIC[name](tmp_path / name)
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


def test_every_trace_has_its_recipe() -> None:
    assert {path.name for path in TRACES} == set(SYNTHETIC) | set(RECORDED)


@pytest.mark.parametrize("path", REPLAYABLE, ids=ids)
def test_trace_still_replays(path: Path) -> None:
    """Every call agrees, every digest, and the end."""
    console = bytearray()
    with open_trace(path) as trace:
        summary = trace.summary
        assert summary is not None
        engine = engine_factory(COUNTING_ENGINE)()
        session = ReplaySession(trace, engine, console=console.extend)
        try:
            replayed = session.run()
        finally:
            session.close()
        digests = len(list(trace.digests()))
    ending = Halted if summary.outcome is Outcome.HALTED else Misused
    assert isinstance(replayed.ending, ending)
    assert replayed.ending.process_status == summary.status & 0xFF
    assert replayed.position.event == summary.events
    assert replayed.digests_verified == digests > 0
    assert len(console) == summary.console_bytes


def test_recorded_traces_have_every_kind_of_event() -> None:
    """All that an hvt guest can ask for: its monotonic clock is the TSC, and it has no timer."""
    with open_trace(CORPUS / "devices-1.0.mp") as trace:
        devices = {event.call.name for event in trace.events()}
    with open_trace(CORPUS / "misuse-1.0.mp") as trace:
        misuse = {event.call.name for event in trace.events()}
    with open_trace(CORPUS / "every-call-1.0.mp") as trace:
        known = {event.call.name for event in trace.events()}
    assert devices | misuse == known - {"MonotonicClock", "SetTimer", "WaitReady"}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_recording_again_gives_the_same_calls(name: str, tmp_path: Path) -> None:
    """Whatever the compiler makes of the guest, and whatever the engine has become."""
    RECORDED[name](tmp_path / name)
    with open_trace(tmp_path / name) as ours, open_trace(CORPUS / name) as golden:
        ours_calls = [event.call.name for event in ours.events()]
        assert ours_calls == [event.call.name for event in golden.events()]
        assert ours.summary is not None
        assert golden.summary is not None
        assert ours.summary.outcome == golden.summary.outcome
        assert ours.summary.status == golden.summary.status
