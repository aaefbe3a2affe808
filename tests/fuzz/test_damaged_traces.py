"""Whatever stands in a file: a typed TraceError or what was recorded, in bounded time and memory.

A golden trace is cut at every byte, has bits flipped at thousands of places, and has its payloads
changed behind right checksums. Salvage never raises, and what it writes is a sound trace.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest
import zstandard
from google_crc32c import value as crc32c

from traces.columns import EventColumns, scan
from traces.errors import TraceError
from traces.events import Event
from traces.framing import BlockEncoder
from traces.limits import BLOCK_BYTES, EVENT_BYTES_MAX, INDEX_BYTES_MAX
from traces.lookup import EventLookup
from traces.reader import Trace, open_trace
from traces.salvage import salvage
from traces.verify import verify

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "traces" / "corpus"
GOLDEN = (CORPUS / "every-call-1.0.mp").read_bytes()
EXAMPLE = (CORPUS / "example-1.0.mp").read_bytes()
MEMORY_MAX = 200e6
MSGPACK_HEADS = b"\x00\x90\x9f\xc0\xc1\xc3\xc4\xc6\xca\xcb\xcf\xd3\xdd\xdf\xff"


def recorded(data: bytes, folder: Path) -> list[Event]:
    path = folder / "recorded.mp"
    path.write_bytes(data)
    with open_trace(path) as trace:
        return list(trace.events())


def read_everything(path: Path) -> list[Event]:
    """All events that can be read; everything else of the trace is touched, too."""
    events: list[Event] = []
    with contextlib.suppress(TraceError), open_trace(path) as trace:
        for read in (lambda: events.extend(trace.events()), *_others(trace)):
            with contextlib.suppress(TraceError):
                read()
    return events


def look_up_everything(trace: Trace) -> None:
    """Columns and lookups, which raise for nothing that stands in a file."""
    columns = EventColumns()
    try:
        for chunk in scan(trace):
            columns.extend(chunk)
        count = min(trace.event_count, 50)
        for lookup in (EventLookup(trace), EventLookup(trace, columns)):
            for index in reversed(range(count)):
                assert lookup.event(index).index == index
            found = [each.index for each in lookup.events(0, count)]
            assert found == sorted(set(found))
        assert columns.event_count <= trace.event_count
    except TraceError as error:
        raise AssertionError("something was raised") from error


def _others(trace: Trace) -> Iterator[Callable[[], object]]:
    yield trace.guest
    yield lambda: list(trace.digests())
    yield lambda: list(trace.events(trace.event_count // 2))
    yield lambda: trace.stream(3).peek()
    yield lambda: look_up_everything(trace)


def check_salvage(path: Path) -> None:
    out = path.with_suffix(".salvaged")
    out.unlink(missing_ok=True)
    report = salvage(path, out)
    assert bool(report.out) == out.exists()
    if report.out:
        with open_trace(out) as trace:
            assert trace.layout.sealed
            assert trace.event_count == report.events_kept
            assert len(list(trace.events())) == report.events_kept


@pytest.mark.slow
def test_every_prefix(tmp_path: Path) -> None:
    whole = recorded(GOLDEN, tmp_path)
    path = tmp_path / "a.mp"
    for size in range(len(GOLDEN)):
        path.write_bytes(GOLDEN[:size])
        events = read_everything(path)
        assert events == whole[: len(events)], size
        check_salvage(path)


def flips(data: bytes, count: int) -> Iterator[bytes]:
    """Every bit of a short file, ``count`` bits of a longer one."""
    bits = range(len(data) * 8)
    chosen = bits if len(bits) <= count else random.Random(1).sample(bits, count)
    for bit in chosen:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("data", [GOLDEN, EXAMPLE], ids=["every-call", "example"])
def test_flipped_bits(tmp_path: Path, data: bytes) -> None:
    whole = recorded(data, tmp_path)
    path = tmp_path / "a.mp"
    for number, changed in enumerate(flips(data, 4300)):
        path.write_bytes(changed)
        events = read_everything(path)
        assert events == whole[: len(events)]
        with pytest.raises(TraceError):
            verify_file(path)
        if number % 4 == 0:
            check_salvage(path)


def verify_file(path: Path) -> None:
    with open_trace(path) as trace:
        verify(trace)


def resealed(data: bytes, rng: random.Random) -> bytes:
    """A trace one of whose payloads is changed, with right checksums all over."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    header, *blocks = unpacker
    packed = msgpack.packb(header)
    victim = rng.randrange(len(blocks) - 1)
    out = [packed]
    for number, (tag, first, count, codec, _crc, payload) in enumerate(blocks[:-1]):
        content = zstandard.decompress(payload) if codec else payload
        if number == victim:
            content = mutated(content, rng)
        if number == 0:
            content = hashlib.sha256(packed).digest()
        out.append(BlockEncoder().encode(tag, first, count, content))
    return b"".join(out)


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                changed[at] = rng.choice(
                    b"\x00\x90\x9f\xc0\xc1\xc3\xc4\xc6\xca\xcb\xcf\xd3\xdd\xdf\xff"
                )
            case 2:
                del changed[at : at + rng.randrange(1, 8)]
                changed = changed or bytearray(1)
            case 3:
                changed[at:at] = rng.randbytes(rng.randrange(1, 8))
    return bytes(changed)


@pytest.mark.slow
def test_changed_payloads_behind_right_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    for seed in range(1500):
        path.write_bytes(resealed(GOLDEN, random.Random(seed)))
        read_everything(path)
        check_salvage(path)


def begun() -> bytes:
    """The example's header and seal, and nothing behind."""
    return EXAMPLE[: EXAMPLE.index(b"\x96\xa1E")]


def block(tag: str, count: int, codec: int, payload: bytes) -> bytes:
    fields = msgpack.packb([tag, 0, count, codec])[1:]
    return b"\x96" + fields + msgpack.packb(crc32c(fields + payload)) + msgpack.packb(payload)


def zipped(size: int) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(bytes(size))


def endless() -> bytes:
    """A frame of 512 MiB that says it has 100 bytes."""
    frame = bytearray(zstandard.ZstdCompressor().compress(bytes(100)))
    long = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(512 << 20))
    return bytes(frame[:6]) + long[6:]


BOMBS: dict[str, Callable[[], bytes]] = {
    "a header that announces 4 GiB": lambda: EXAMPLE[:40] + b"\xc6\xff\xff\xff\xff" + bytes(100),
    "a header of nested arrays": lambda: EXAMPLE[:40] + b"\x91" * (1 << 20),
    "a header of empty arrays": lambda: EXAMPLE[:49] + b"\xdc\x04\x00" + b"\x90" * (1 << 20),
    "a block that announces 4 GiB": lambda: (
        begun() + b"\x96\xa1E\x00\x01\x00\x00\xc6\xff\xff\xff\xff"
    ),
    "512 MiB of zeros": lambda: begun() + block("E", 1, 1, zipped(512 << 20)),
    "as much as one event may have": lambda: begun() + block("E", 1, 1, zipped(EVENT_BYTES_MAX)),
    "as many events as a block may have": lambda: (
        begun() + block("E", 2, 1, zstandard.compress(b"\x90" * BLOCK_BYTES))
    ),
    "one event of arrays": lambda: (
        begun()
        + block("E", 1, 1, zstandard.compress(b"\x9f" + b"\x9f\x90" * (EVENT_BYTES_MAX // 2 - 1)))
    ),
    "an event of a wide tree": lambda: (
        begun() + block("E", 1, 0, (b"\x9f" + b"\x90" * 15) * (BLOCK_BYTES // 16))
    ),
    "a frame that lies": lambda: begun() + block("E", 2, 1, endless()),
    "an index of arrays": lambda: (
        begun()
        + block("S", 1, 0, b"\x80")
        + block("i", 1, 1, zstandard.compress(b"\x90" * INDEX_BYTES_MAX))
    ),
    "digests of arrays": lambda: (
        begun()
        + block("d", 1, 1, zstandard.compress((b"\x9f" + b"\x90" * 15) * (BLOCK_BYTES // 16)))
    ),
    "a guest of 4096 full blocks": lambda: (
        GOLDEN[: GOLDEN.index(b"\x96\xa1G")] + block("G", 1, 1, zipped(BLOCK_BYTES)) * 4096
    ),
    "blocks that stand for nothing": lambda: begun() + block("q", 0, 0, b"") * 10_000,
}

CHILD = """
import sys
from monitors.calls.clock import MONOTONIC_CLOCK
from traces.columns import EventColumns, scan
from traces.errors import TraceError
from traces.reader import open_trace
from traces.salvage import salvage
from traces.verify import verify
try:
    with open_trace(sys.argv[1]) as trace:
        for read in (trace.guest, lambda: list(trace.digests()), lambda: list(trace.events()),
                     lambda: trace.stream().match(MONOTONIC_CLOCK), lambda: verify(trace)):
            try:
                read()
            except TraceError:
                pass
except TraceError:
    pass
salvage(sys.argv[1], sys.argv[1] + ".out")
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.mp"
    path.write_bytes(BOMBS[name]())
    command = [sys.executable, "-c", CHILD, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    print(name, int(done.stdout) // 1_000_000, "MB")
    assert int(done.stdout) < MEMORY_MAX
