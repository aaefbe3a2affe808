"""Fixtures of the conformance suite, and the results from which the support matrix is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.testing.cases import GuestShelf
from replay.testing.replayer import ReplayerProcess
from tests.conformance.matrix import MATRIX_RESULTS, MatrixResults
from tests.conformance.platforms import PLATFORMS, Platform, Trial, all_trials, exchanges_of
from tests.conformance.studio import Studio


def pytest_configure(config: pytest.Config) -> None:
    """Results are noted from the first test on."""
    results = config.stash[MATRIX_RESULTS] = MatrixResults()
    config.pluginmanager.register(results)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`trial` is every case on every platform, `platform` every platform; `trial` and `onto` are
    every recording and every other engine to replay it on."""
    if "onto" in metafunc.fixturenames and not _is_parametrized(metafunc, "trial"):
        exchanges = exchanges_of(all_trials())
        pairs = [(exchange.trial, exchange.onto) for exchange in exchanges]
        metafunc.parametrize(("trial", "onto"), pairs, ids=map(str, exchanges))
    elif "trial" in metafunc.fixturenames and not _is_parametrized(metafunc, "trial"):
        metafunc.parametrize("trial", all_trials(), ids=str)
    if "platform" in metafunc.fixturenames and not _is_parametrized(metafunc, "platform"):
        metafunc.parametrize("platform", PLATFORMS, ids=str)


def _is_parametrized(metafunc: pytest.Metafunc, name: str) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any(name == mark.args[0] or name in tuple(mark.args[0]) for mark in marks)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has all trials of a program; the support matrix is compared behind them."""
    for item in items:
        if program := _program_of(item):
            item.add_marker(pytest.mark.xdist_group(f"program {program}"))
    items.sort(key=lambda item: item.path.name == "test_support_matrix.py")


def _program_of(item: pytest.Item) -> str:
    """The name of the program that a test is about, if it is about one."""
    given = (
        item.callspec.params
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else {}
    )
    about = given.get("program", given.get("trial"))
    return about.program.name if isinstance(about, Trial) else getattr(about, "name", "")


@pytest.fixture(scope="session")
def matrix_results(pytestconfig: pytest.Config) -> MatrixResults:
    """What has come of the trials so far."""
    return pytestconfig.stash[MATRIX_RESULTS]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> GuestShelf:
    """All programs, built when they are needed."""
    return GuestShelf(tmp_path_factory.mktemp("guests"))


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, shelf: GuestShelf) -> Studio:
    """Recordings, made when they are needed."""
    return Studio(tmp_path_factory.mktemp("recordings"), shelf)


@pytest.fixture(scope="session")
def replayer() -> Iterator[Callable[[Platform], ReplayerProcess]]:
    """The process that replays on a platform."""
    processes: dict[str, ReplayerProcess] = {}

    def process_for(platform: Platform) -> ReplayerProcess:
        if platform.name not in processes:
            processes[platform.name] = ReplayerProcess(platform.process_environment())
        return processes[platform.name]

    yield process_for
    for process in processes.values():
        process.close()


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    """Where a test may put a trace."""
    return tmp_path / "a.mp"
