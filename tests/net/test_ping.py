"""Pings of real interfaces, answered by guests that are being recorded."""

from __future__ import annotations

import re

import pytest

from tests.net.conftest import Faithful, Record
from tests.net.namespace import Namespace

pytestmark = pytest.mark.slow

GUEST = "10.0.0.2"


def received(report: str) -> int:
    """How many replies ping has seen."""
    found = re.search(r"(\d+) received", report)
    assert found, report
    return int(found[1])


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_a_flood_is_answered_to_the_last(
    namespace: Namespace, record: Record, assert_faithful: Faithful, target: str
) -> None:
    namespace.add_tap("tap0", "10.0.0.1/24")
    run = record("net", "limit", "3000", target=target)
    report = namespace.command(["ping", "-f", "-q", "-c", "3000", GUEST])
    recorded = run.finish()
    assert received(report) == 3000
    assert "3000 pings answered" in recorded.stdout
    assert_faithful(run, recorded)


def test_what_a_ping_brings_comes_back(
    namespace: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    namespace.add_tap("tap0", "10.0.0.1/24")
    run = record("net", "pattern", "limit", "300")
    report = namespace.command(["ping", "-f", "-q", "-p", "deadbeef", "-c", "300", GUEST])
    recorded = run.finish()
    assert received(report) == 300
    assert_faithful(run, recorded)


def test_packets_up_to_the_mtu(
    namespace: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    """The last byte of a jumbo frame counts: ping compares what comes back."""
    namespace.add_tap("tap0", "10.0.0.1/24", mtu=9000)
    sizes = [0, 1, 56, 1472, 1473, 4000, 8971, 8972]
    run = record("net", "limit", str(3 * len(sizes)))
    for size in sizes:
        report = namespace.command(
            ["ping", "-f", "-q", "-M", "do", "-s", str(size), "-c", "3", GUEST]
        )
        assert received(report) == 3
        assert "corrupted" not in report
    recorded = run.finish()
    assert "MTU is 9000" in recorded.stdout
    assert_faithful(run, recorded)


def test_two_interfaces(namespace: Namespace, record: Record, assert_faithful: Faithful) -> None:
    namespace.add_tap("tap0", "10.0.0.1/24")
    namespace.add_tap("tap1", "10.1.0.1/24")
    run = record("net2if", "limit", "800", taps={"service0": "tap0", "service1": "tap1"})
    for address in (GUEST, "10.1.0.2"):
        report = namespace.command(["ping", "-f", "-q", "-c", "400", address])
        assert received(report) == 400
    assert_faithful(run, run.finish())


def test_the_interfaces_mtu_is_the_guests(
    namespace: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    namespace.add_tap("tap0", mtu=9000)
    run = record("netmtu", "verbose")
    recorded = run.finish()
    assert "MTU is 9000" in recorded.stdout
    assert_faithful(run, recorded)
