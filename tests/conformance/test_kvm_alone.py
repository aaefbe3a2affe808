"""Guests that a host's KVM runs from beginning to end, and what happens to those that it does not.

Kernels that emulate guests know no SSE, so the guests here are built without. Elsewhere KVM runs
all guests alone, and these tests show the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.engines.choice import why_unusable
from replay.engines.registry import engine_factory
from replay.machine.machine import Machine
from replay.player.session import ReplaySession
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.testing.digests import DigestCheck, DigestLog, entry_count
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Program, find_program
from tests.conformance.platforms import PLATFORMS, Platform, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace
from traces.summary import Summary

KVM, UNICORN = (
    next(platform for platform in PLATFORMS if platform.name == name)
    for name in ("hvt on kvm", "hvt on unicorn")
)
PROGRAMS = (
    *("abort", "cpuid", "entropy", "exception", "exit", "globals", "hello", "memory", "notls"),
    *("quiet", "rdtscp", "rnow", "rnox", "ssp", "time", "tls", "wnox", "xnor", "xnow", "zeropage"),
    "net",
)
REPLAYERS = ("kvm", "unicorn", "native")
WRAPPER = '#!/bin/sh\nexec gcc -mgeneral-regs-only "$@"\n'


class IntegerShelf(GuestShelf):
    """Guests built without SSE and x87."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._place = folder
        self._compiler = folder / "integer-gcc"
        self._compiler.write_text(WRAPPER, encoding="ascii")
        self._compiler.chmod(0o755)

    def guest(self, program: Program, target: str) -> bytes:
        output = self._place / f"{program.name}.{target}"
        if not output.exists():
            request = program.request(target, output, compiler=os.fspath(self._compiler))
            build_guest(request)
        return output.read_bytes()


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("integers")
    return Studio(folder, IntegerShelf(folder))


def _record(studio: Studio, platform: Platform, program: Program) -> tuple[Path, bytes]:
    """The trace of a program's first case, and the digests of all its crossings."""
    case = program.cases()[0]
    plan, _ = case_plan(case, studio.shelf.guest(program, "hvt"), program.name)
    logs: list[DigestLog] = []

    def observers(machine: Machine) -> Sequence[DigestLog]:
        logs.append(DigestLog(machine))
        return logs

    trace = studio.new_file(".mp")
    studio.record_from(platform, plan, scripted_world(case, plan), trace, observers, case=case)
    return trace, bytes(logs[0].data)


def _summary(path: Path) -> Summary:
    with open_trace(path) as trace:
        assert trace.summary is not None
        return trace.summary


def _replay(path: Path, engine: str, log: bytes) -> tuple[int, list[str]]:
    """How many digests agreed with ``log``, and the machine's notes."""
    checks: list[DigestCheck] = []

    def observers(machine: Machine) -> Sequence[DigestCheck]:
        checks.append(DigestCheck(machine, log))
        return checks

    with open_trace(path) as trace:
        session = ReplaySession(trace, engine_factory(engine)(), observers=observers)
        try:
            session.run()
            return checks[0].compared, list(session.machine.notes)
        finally:
            session.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_on_kvm_and_replayed_everywhere(integers: Studio, name: str) -> None:
    require(KVM)
    path, log = _record(integers, KVM, find_program(name))
    assert "unicorn" not in _summary(path).detail
    for engine in REPLAYERS:
        assert _replay(path, engine, log) == (entry_count(log), [])


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_on_unicorn_and_replayed_on_kvm(integers: Studio, name: str) -> None:
    require(KVM)
    require(UNICORN)
    path, log = _record(integers, UNICORN, find_program(name))
    assert _replay(path, "kvm", log) == (entry_count(log), [])


@pytest.mark.slow
def test_a_guest_that_kvm_cannot_run_is_carried_on(studio: Studio) -> None:
    """With a note in its trace; and its replay takes the same way."""
    require(KVM)
    if why_unusable("kvm") is None:
        pytest.skip("this host's KVM runs all guests")
    (trial,) = (each for each in trials_of("fpu-default") if each.platform == KVM)
    recording = studio.recording(trial)
    log = recording.log.read_bytes()
    assert "engine unicorn instead of kvm from 0x" in _summary(recording.trace).detail
    compared, notes = _replay(recording.trace, "kvm", log)
    assert compared == entry_count(log)
    assert len(notes) == 1


def test_a_note_is_for_those_who_change(studio: Studio) -> None:
    (trial,) = (each for each in trials_of("hello-hello") if each.platform == UNICORN)
    require(UNICORN)
    assert _summary(studio.recording(trial).trace).detail == ""
