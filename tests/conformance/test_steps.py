"""One instruction at a time: the same registers behind each of them on every engine."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from monitors.ports import Exit, TargetReached
from replay.engines.ports import CountsInstructions, Steps
from replay.machine.digest import register_digest
from replay.machine.handover import hand_over
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.testing.cases import scripted_world
from tests.conformance.platforms import Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio

STEPS = 150
ABILITY: Any = Steps | CountsInstructions
RUNS = {
    "hello-hello": (0, 5),  # the events behind which steps are taken
    "exception-default": (13, 15),
    "fpu-default": (16,),
}


class Stepper:
    """A machine on one platform that runs to an event and goes on by instructions."""

    def __init__(self, studio: Studio, trial: Trial, platform: Platform) -> None:
        plan = studio.plan(trial)
        with platform.selected():
            self.machine: Machine = boot_machine(plan, platform.make_engine())
        self.door = Interposer(self.machine, scripted_world(trial.case, plan))

    def step(self) -> Exit:
        engine = self.machine.engine
        if isinstance(engine, Steps):
            return engine.step()
        assert isinstance(engine, CountsInstructions)
        return engine.run_instructions(1)

    def digest(self) -> bytes:
        return register_digest(self.machine.engine.registers())


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_steps_agree(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name, ABILITY)
    reference = reference_of(trial.platform)
    for event in RUNS[trial.run_name]:
        _compare(studio, trial, reference, event)


def _compare(studio: Studio, trial: Trial, reference: Platform, event: int) -> None:
    """Up to the next crossing, which both must come to at the same instruction."""
    with ExitStack() as stack:
        ours, theirs = (Stepper(studio, trial, p) for p in (trial.platform, reference))
        for each in (ours, theirs):
            stack.callback(each.machine.close)
            each.door.run(event)
        for number in range(STEPS):
            exits = ours.step(), theirs.step()
            assert exits[0] == exits[1], number
            assert ours.digest() == theirs.digest(), number
            if not isinstance(exits[0], TargetReached):
                return
        hand_over(theirs.machine, trial.platform.make_engine)
        assert ours.digest() == theirs.digest()
