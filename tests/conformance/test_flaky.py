"""A failure that shows in one run of ten: recorded once, it is there in every replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replay.machine.ending import Halted
from replay.testing.cases import case_plan
from replay.testing.replayer import ReplayerProcess
from replay.testing.source import ScriptedSource
from replay.toolchain.programs import find_program
from tests.conformance.platforms import Platform, require
from tests.conformance.studio import Studio
from traces.reader import open_trace

REPLAYS = 100
SEEDS = range(1, 101)


def first_failure(studio: Studio, platform: Platform) -> tuple[int, Path]:
    """Runs with one clock after the other until the books are wrong: which clock, and the trace."""
    program = find_program("flaky")
    guest = studio.shelf.guest(program, platform.target)
    plan, _ = case_plan(program.cases()[0], guest, program.name)
    plan = replace(plan, command_line=b"")  # the seed comes from the clocks
    for seed in SEEDS:
        trace = studio.new_file(".mp")
        world = ScriptedSource(seed, cpu=plan.cpu)
        if studio.record_from(platform, plan, world, trace).ending != Halted(0):
            assert b"corrupt" in world.console
            return seed, trace
    raise AssertionError(f"flaky has not failed in {len(SEEDS)} runs")


@pytest.mark.slow
def test_one_failure_replayed_a_hundred_times(
    studio: Studio, platform: Platform, replayer: Callable[[Platform], ReplayerProcess]
) -> None:
    require(platform, "flaky")
    seed, path = first_failure(studio, platform)
    assert seed > 1, "a bug that shows at once is not flaky"

    reports = replayer(platform).replay(platform.engine, path, times=REPLAYS)

    assert len(reports) == REPLAYS
    assert len({report.console_sha256 for report in reports}) == 1
    assert {report.error for report in reports} == {""}
    assert {report.ending for report in reports} == {str(Halted(1))}
    with open_trace(path) as trace:
        *_, final = trace.digests()
        assert final.event == trace.event_count - 1
    assert {(report.registers, report.memory) for report in reports} == {
        (final.registers.hex(), final.memory.hex())
    }
    assert {report.digests_verified for report in reports} == {1}
