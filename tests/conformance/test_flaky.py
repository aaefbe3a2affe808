"""A failure that shows in one run of ten: recorded once, it is there in every replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from replay.machine.ending import Halted
from replay.testing.cases import case_plan
from replay.testing.digests import read_log
from replay.testing.replayer import ReplayerProcess
from replay.testing.source import ScriptedSource
from replay.toolchain.programs import find_program
from tests.conformance.platforms import Platform, require
from tests.conformance.studio import Recording, Studio

REPLAYS = 100
SEEDS = range(1, 101)


def first_failure(studio: Studio, platform: Platform) -> tuple[int, Recording]:
    """Runs with one clock after the other, until the books are wrong; how many were right."""
    program = find_program("flaky")
    case = program.cases()[0]
    guest = studio.shelf.guest(program, platform.target)
    plan, _ = case_plan(case, guest, program.name)
    plan = replace(plan, command_line=b"")  # the seed comes from the clocks
    for seed in SEEDS:
        recording = studio.record(platform, plan, ScriptedSource(seed, cpu=plan.cpu), case=None)
        if recording.ending != Halted(0):
            return seed, recording
    raise AssertionError(f"flaky has not failed in {len(SEEDS)} runs")


@pytest.mark.slow
def test_one_failure_replayed_a_hundred_times(
    studio: Studio, platform: Platform, replayer: Callable[[Platform], ReplayerProcess]
) -> None:
    require(platform, "flaky")
    seed, recording = first_failure(studio, platform)
    assert recording.ending == Halted(1)
    assert seed > 1, "a bug that shows at once is not flaky"
    assert b"corrupt" in recording.console
    *_, (_, final) = read_log(recording.log.read_bytes())

    reports = replayer(platform).replay(platform.engine, recording.trace, times=REPLAYS)

    assert len(reports) == REPLAYS
    assert {report.error for report in reports} == {""}
    assert {report.ending for report in reports} == {str(recording.ending)}
    assert {(report.registers, report.memory) for report in reports} == {
        (final.registers.hex(), final.memory.hex())
    }
    assert len({report.console_sha256 for report in reports}) == 1
    assert {report.digests_verified for report in reports} == {1}
