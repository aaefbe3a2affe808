"""HTTP from real clients, served by a guest that is being recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from tests.net import browser
from tests.net.bridge import Impairment, LossyWire
from tests.net.conftest import Faithful, Record
from tests.net.liverun import replay
from tests.net.namespace import Namespace

pytestmark = pytest.mark.slow

MEBIBYTE = 1 << 20
SEED = 42
MEMORY_GROWTH_KIB_MAX = 32 << 10


@pytest.fixture
def wired(namespace: Namespace) -> Namespace:
    """A namespace with the interface of a client."""
    namespace.add_tap("tap0", "10.0.0.1/24")
    return namespace


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_a_mebibyte_with_curl(
    wired: Namespace, record: Record, assert_faithful: Faithful, tmp_path: Path, target: str
) -> None:
    run = record("http", "limit", "1", target=target)
    body = tmp_path / "body"
    wired.command(["curl", "-sS", "--fail", "-o", str(body), "http://10.0.0.2/1m"])
    assert body.read_bytes() == browser.pattern(MEBIBYTE)
    assert_faithful(run, run.finish())


def test_one_connection_for_several_requests(
    wired: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    run = record("http", "limit", "4")
    urls = [f"http://10.0.0.2/{path}" for path in ("", "70000", "nonesuch", "0")]
    written = "%{http_code} %{size_download} %{num_connects}\n"
    outputs = [word for _ in urls for word in ("-o", "/dev/null")]
    report = wired.command(["curl", "-sS", "-w", written, *outputs, *urls])
    lines = [line.split() for line in report.splitlines()]
    assert [line[0] for line in lines] == ["200", "200", "404", "200"]
    assert [line[1] for line in lines[1:]] == ["70000", "9", "0"]
    assert [line[2] for line in lines] == ["1", "0", "0", "0"]
    assert_faithful(run, run.finish())


def test_two_hundred_connections_at_once(
    wired: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    sizes = [1000 + 37 * number for number in range(200)]
    run = record("http", "limit", str(len(sizes)))
    bodies = wired.run(browser.fetch_at_once, [f"/{size}" for size in sizes])
    assert bodies == [browser.pattern(size) for size in sizes]
    assert_faithful(run, run.finish())


def test_through_loss_and_reordering(
    namespace: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    """Decisions of the wire come from a seed; which frame meets which is up to the hosts."""
    size = MEBIBYTE // 4
    with lossy_wire(namespace) as (to_guest, from_guest):
        run = record("http", "limit", "3")
        for _ in range(3):
            assert namespace.run(browser.fetch, f"/{size}") == browser.pattern(size)
        recorded = run.finish()
    print(f"seed {SEED}: {to_guest.fate}, {from_guest.fate}")
    assert from_guest.lost > 0
    assert from_guest.overtaken > 0
    assert_faithful(run, recorded)


@contextmanager
def lossy_wire(namespace: Namespace) -> Iterator[tuple[Impairment, Impairment]]:
    """`tap0` for the guest, at the end of a bad wire; its two directions."""
    namespace.add_tap("client0", "10.0.0.1/24")
    namespace.add_tap("tap0")
    to_guest = Impairment(SEED, loss=0.01, reordering=0.05)
    from_guest = Impairment(SEED + 1, loss=0.02, reordering=0.05)
    wire = LossyWire(namespace, "client0", "tap0", to_guest=to_guest, from_guest=from_guest)
    try:
        yield to_guest, from_guest
    finally:
        wire.close()


def test_clients_that_misbehave_harm_nobody_else(
    wired: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    """Connections half open, silent, reset in the middle and read slowly; all at the same time."""
    run = record("http", "limit", "3")
    memory_before_kib = run.memory_kib()
    with ExitStack() as opened:
        wired.run(browser.half_open, "tap0", wired.run(browser.neighbour, "tap0"), 100)
        for silent in wired.run(browser.stay_silent, 50):
            opened.enter_context(silent)
        for _ in range(5):
            wired.run(browser.walk_away, "/8388608")
        assert wired.run(browser.fetch_slowly, "/100000") == browser.pattern(100_000)
        assert wired.run(browser.fetch, "/1m") == browser.pattern(MEBIBYTE)
        assert wired.run(browser.fetch, "/3") == browser.pattern(3)
        assert run.memory_kib() - memory_before_kib < MEMORY_GROWTH_KIB_MAX
    assert_faithful(run, run.finish())


def test_a_server_without_a_limit_is_stopped_by_its_operator(
    wired: Namespace, record: Record, nowhere: Namespace
) -> None:
    run = record("http")
    assert wired.run(browser.fetch, "/10") == browser.pattern(10)
    run.stop()
    replayed = replay(run.trace, nowhere)
    assert replayed.status == ReplayStatus.INCOMPLETE, replayed.stdout + replayed.stderr
    assert "faithful so far" in replayed.stdout
