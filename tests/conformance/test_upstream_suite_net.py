"""The network cases of Solo5's own suite (v0.12), on TAP interfaces in a namespace of our own.

Names, addresses and arguments are upstream's, the numbers of pings are a fiftieth of upstream's;
tests/stress/upstream_pings.py does all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.namespace import Namespace, why_unavailable
from tests.stress.upstream_pings import CASES, PingCase, run_case

pytestmark = pytest.mark.slow

SHARE = 50


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)
    made = Namespace()
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(namespace: Namespace, case: PingCase, tmp_path: Path) -> None:
    """As upstream expects it, and faithfully replayed without any network."""
    outcome = run_case(namespace, case.with_share(SHARE), tmp_path)
    assert outcome.recorded.status == 0, outcome.recorded
    assert "SUCCESS" in outcome.recorded.stdout
    assert case.words in outcome.recorded.stdout
    assert outcome.lost == 0
    assert outcome.replayed.status == 0, outcome.replayed
    assert "faithful" in outcome.replayed.stdout
