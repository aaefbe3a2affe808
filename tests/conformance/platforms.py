"""What the suite runs on: one row for each pair of monitor and engine. A new one is a new row.

The first row of a target is its reference: the others must have its digests at every crossing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

import pytest

from replay.engines.choice import why_unavailable
from replay.engines.ports import Engine
from replay.engines.registry import engine_factory
from replay.engines.unicorn.callbacks import PURE_PYTHON_VARIABLE
from replay.toolchain.programs import Case, Program, all_programs, find_program

COMPILED_CALLBACKS = "replay.engines.unicorn._hooks"


@dataclass(frozen=True, slots=True)
class Platform:
    """A monitor on an engine. ``environment`` chooses a variant of the engine in this process and
    in others; ``needs`` is an extension module without which there is no such variant. ``only``
    names the programs that are enough for it, because of ``sample``; all where it is empty."""

    name: str
    target: str
    engine: str
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    only: frozenset[str] = frozenset()
    sample: str = ""

    def why_left_out(self, program: str) -> str:
        """Why the platform does without a program; empty where it does not."""
        return self.sample if self.only and program not in self.only else ""

    def __str__(self) -> str:
        return self.name.replace(" ", "-").replace(",", "")

    @contextlib.contextmanager
    def selected(self) -> Iterator[None]:
        """While inside, engines that this process makes are of this platform's variant."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(PURE_PYTHON_VARIABLE, raising=False)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def make_engine(self) -> Engine:
        """A new engine; to be called and given its memory inside ``selected``."""
        return engine_factory(self.engine)()

    def process_environment(self) -> dict[str, str]:
        """What another process needs to have the same variant."""
        return {PURE_PYTHON_VARIABLE: "", **self.environment}

    def why_unavailable(self) -> str:
        """Why this host has no such engine; empty where it has."""
        if self.needs and find_spec(self.needs) is None:
            return f"{self.needs} is not built here"
        return why_no_engine(self.engine)


@cache
def why_no_engine(name: str) -> str:
    """Why this host has no such engine, good or bad; empty where it has."""
    problem = why_unavailable(name)
    return "" if problem is None else str(problem)


PLATFORMS = (
    Platform("hvt on unicorn", "hvt", "unicorn", needs=COMPILED_CALLBACKS),
    Platform(
        "hvt on unicorn, Python callbacks",
        "hvt",
        "unicorn",
        environment={PURE_PYTHON_VARIABLE: "1"},
        only=frozenset(
            (
                *("blk", "compute", "cpuid", "entropy", "exception", "faults", "fpu", "hello"),
                *("memory", "net", "rdtscp", "simd", "time", "tls", "wnox", "xnow", "zeropage"),
            )
        ),
        sample="like others for the engine's callbacks, which are all that differs here",
    ),
    Platform("hvt on native", "hvt", "native"),
    Platform(
        "hvt on kvm",
        "hvt",
        "kvm",
        only=frozenset(
            (
                *("abort", "compute", "cpuid", "entropy", "exception", "exit", "faults", "fpu"),
                *("hello", "memory", "net", "quiet", "rdtscp", "rnow", "simd", "ssp", "time"),
                *("tls", "wnox", "xnow", "zeropage"),
            )
        ),
        sample="slow where KVM emulates instructions, and like others for this engine",
    ),
    Platform("spt on unicorn", "spt", "unicorn", needs=COMPILED_CALLBACKS),
    Platform(
        "spt on unicorn, Python callbacks",
        "spt",
        "unicorn",
        environment={PURE_PYTHON_VARIABLE: "1"},
        only=frozenset(("blk", "entropy", "hello", "net", "sptfaults", "syscalls", "time", "tls")),
        sample="not about system calls or faults, in which targets differ here",
    ),
    Platform("spt on native", "spt", "native"),
)

UNSUPPORTED: Mapping[tuple[str, str], str] = {}
"""Reasons by platform's name and program's: what a platform cannot do, and says so itself."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One case of a program on one platform."""

    platform: Platform
    program: Program
    case: Case

    @property
    def run_name(self) -> str:
        """The program and case, which are the same on every platform."""
        return f"{self.program.name}-{self.case.name}"

    def __str__(self) -> str:
        return f"{self.platform}:{self.run_name}"


def all_trials() -> list[Trial]:
    """Every case of every program on every platform."""
    return _trials(all_programs())


def trials_of(*run_names: str) -> list[Trial]:
    """The trials of some runs on every platform that has them; every name must exist."""
    programs = [find_program(name) for name in {run.split("-")[0]: None for run in run_names}]
    trials = [trial for trial in _trials(programs) if trial.run_name in run_names]
    assert {trial.run_name for trial in trials} == set(run_names)
    return trials


def _trials(programs: Sequence[Program]) -> list[Trial]:
    return [
        Trial(platform, program, case)
        for platform in PLATFORMS
        for program in programs
        if not platform.why_left_out(program.name)
        for case in program.cases(platform.target)
    ]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A trial whose recording is replayed on ``onto``: the same target, another engine."""

    trial: Trial
    onto: Platform

    def __str__(self) -> str:
        return f"{self.trial}:{self.onto.engine}"


def engines_for(target: str) -> list[Platform]:
    """One platform for each engine that runs guests of a target; no variants of engines."""
    return [each for each in PLATFORMS if each.target == target and not each.environment]


def exchanges_of(trials: Sequence[Trial]) -> list[Exchange]:
    """Each trial that is not of a variant, with every other engine that runs its program."""
    return [
        Exchange(trial, onto)
        for trial in trials
        if not trial.platform.environment
        for onto in engines_for(trial.platform.target)
        if onto != trial.platform and not onto.why_left_out(trial.program.name)
    ]


def reference_of(platform: Platform) -> Platform:
    """The platform that this one is compared with."""
    return next(other for other in PLATFORMS if other.target == platform.target)


def references() -> list[Platform]:
    """One platform for each target, for what does not depend on the engine."""
    return [platform for platform in PLATFORMS if reference_of(platform) == platform]


def require(platform: Platform, program: str = "", ability: type | None = None) -> None:
    """The only way to skip in this suite: what a platform cannot do is skipped with its reason."""
    reason = platform.why_unavailable()
    if program:
        reason = reason or platform.why_left_out(program)
        reason = reason or UNSUPPORTED.get((platform.name, program), "")
    if not reason and ability is not None and not isinstance(platform.make_engine(), ability):
        reason = f"the engine has not the ability {ability.__name__}"
    if reason:
        pytest.skip(f"{platform.name}: {reason}")
