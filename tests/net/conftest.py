"""Namespaces, guests and recordings for the tests on real networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from replay.toolchain.build import build_guest
from replay.toolchain.programs import find_program
from tests.net.liverun import Finished, LiveRun, replay
from tests.net.namespace import Namespace, why_unavailable

Record = Callable[..., LiveRun]
Faithful = Callable[[LiveRun, Finished], None]


@pytest.fixture(autouse=True, scope="session")
def _possible() -> None:
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A namespace that the test fills."""
    made = Namespace()
    yield made
    made.close()


@pytest.fixture(scope="session")
def nowhere(_possible: None) -> Iterator[Namespace]:
    """A namespace without any interface."""
    made = Namespace()
    yield made
    made.close()


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Shipped programs by name and target, each built once."""
    folder = tmp_path_factory.mktemp("guests")

    def guest(name: str, target: str) -> Path:
        output = folder / f"{name}.{target}"
        if output.exists():
            return output
        return build_guest(find_program(name).request(target, output))

    return guest


@pytest.fixture
def record(namespace: Namespace, guests: Callable[[str, str], Path]) -> Iterator[Record]:
    """Start to record a program on `tap0` (or the interfaces of `taps`), and wait until it says
    that it is ready."""
    with ExitStack() as running:

        def start(
            program: str, *arguments: str, taps: dict[str, str] | None = None, target: str = "hvt"
        ) -> LiveRun:
            chosen = taps or {"service0": "tap0"}
            run = LiveRun(namespace, guests(program, target), chosen, arguments)
            running.enter_context(run)
            run.wait_for(f"{list(chosen)[-1]}: ")
            return run

        yield start


@pytest.fixture
def assert_faithful(nowhere: Namespace) -> Faithful:
    """Replay a recording that ended well, without a network, and compare the times."""

    def check(run: LiveRun, recorded: Finished) -> None:
        assert recorded.status == 0, recorded.stdout + recorded.stderr
        assert "SUCCESS" in recorded.stdout
        replayed = replay(run.trace, nowhere)
        assert replayed.status == 0, replayed.stdout + replayed.stderr
        assert "faithful" in replayed.stdout + replayed.stderr
        size_kib = run.trace.stat().st_size / 1024
        print(
            f"recorded in {recorded.seconds:.2f} s, replayed in {replayed.seconds:.2f} s, "
            f"trace of {size_kib:.0f} KiB"
        )

    return check
