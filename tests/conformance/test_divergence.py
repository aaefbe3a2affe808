"""A recording replayed with something changed stops at the first crossing that differs, and says
what was recorded and what happened instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from replay.machine.plan import MachinePlan
from replay.machine.position import Position
from replay.player.errors import Divergence, StateDivergence
from replay.player.session import Changes, Replayed, ReplaySession
from replay.testing.cases import case_plan
from replay.testing.source import ScriptedSource
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import Case, find_program
from tests.conformance.platforms import Platform, require
from tests.conformance.studio import Studio
from traces.codec import describe
from traces.compare import Where, compare
from traces.reader import open_trace

FOLDER = Path(__file__).parent / "guests" / "constants"
PLAIN = Case(name="plain", args=("some", "words"), status=0, expected="")


@dataclass(frozen=True, slots=True)
class Changed:
    """One constant changed, and the calls that the error must name, if need be by their kinds."""

    define: str
    recorded: str
    replayed: str


CHANGES = [
    Changed("PAUSE_NS=2000000", "{pause}(", "{pause}("),
    Changed("ROUNDS=4", "WallClock()", "{clock}()"),
    Changed("ROUNDS=6", "{clock}()", "WallClock()"),
    Changed("STATUS=3", "ConsoleWrite(", "ConsoleWrite("),
]
KINDS = {
    "hvt": {"pause": "Poll", "clock": "ReadTsc"},
    "spt": {"pause": "SetTimer", "clock": "MonotonicClock"},
}
"""The calls by which a target's guests wait, and read the monotonic clock."""


@pytest.fixture(scope="session")
def constants(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """The guest for a target with some constants changed; each is built once."""
    folder = tmp_path_factory.mktemp("constants")
    return cache(lambda target, *defines: build(target, folder, *defines))


def build(target: str, folder: Path, *defines: str) -> bytes:
    program = find_program("hello")
    request = BuildRequest(
        target=target,
        manifest=FOLDER / "manifest.json",
        output=folder / f"{'-'.join(defines) or 'plain'}.{target}",
        sources=(
            FOLDER / "main.c",
            *(path for folder in program.include_dirs() for path in sorted(folder.glob("*.[cS]"))),
        ),
        include_dirs=program.include_dirs(),
        defines=defines,
    )
    return build_guest(request).read_bytes()


def plan_for(guest: bytes) -> MachinePlan:
    return case_plan(PLAIN, guest, "constants")[0]


def record(studio: Studio, platform: Platform, plan: MachinePlan) -> Path:
    return studio.record(platform, plan, ScriptedSource(cpu=plan.cpu), case=None).trace


def replay(platform: Platform, path: Path, changes: Changes) -> Replayed:
    with open_trace(path) as trace, platform.selected():
        session = ReplaySession(trace, platform.make_engine(), changes=changes)
        try:
            return session.run()
        except Divergence as error:
            check_consistent(session, error)
            raise
        finally:
            session.close()


def check_consistent(session: ReplaySession, error: Divergence) -> None:
    """The error's place and call are the session's own."""
    assert session.position == error.position
    assert session.pending is not None
    assert describe(session.pending) == error.actual


def first_difference(ours: Path, theirs: Path) -> int:
    """The first event that two recordings under the same script do not share."""
    with open_trace(ours) as left, open_trace(theirs) as right:
        pairs = zip(left.events(), right.events(), strict=False)
        return next(a.index for a, b in pairs if a.call != b.call)


@pytest.fixture(autouse=True)
def _supported(platform: Platform) -> None:
    require(platform)


@pytest.mark.slow
@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.define)
def test_a_changed_constant(
    studio: Studio, platform: Platform, constants: Callable[..., bytes], changed: Changed
) -> None:
    plan = plan_for(constants(platform.target))
    other = constants(platform.target, changed.define)
    trace = record(studio, platform, plan)
    expected = first_difference(trace, record(studio, platform, plan_for(other)))

    with pytest.raises(Divergence) as caught:
        replay(platform, trace, Changes(guest=other))

    error = caught.value
    assert error.position == Position(expected)
    with open_trace(trace) as opened:
        assert error.expected == list(opened.events())[expected].call
    kinds = KINDS[platform.target]
    assert str(error.expected).startswith(changed.recorded.format(**kinds))
    assert str(error.actual).startswith(changed.replayed.format(**kinds))
    assert error.expected != error.actual
    for named in (f"event {expected}", str(error.expected), str(error.actual)):
        assert named in str(error)


@pytest.mark.slow
def test_a_constant_that_shows_in_memory_alone(
    studio: Studio, platform: Platform, constants: Callable[..., bytes]
) -> None:
    plan = plan_for(constants(platform.target))
    other = constants(platform.target, "SECRET=2")
    trace = record(studio, platform, plan)
    with open_trace(trace) as ours, open_trace(record(studio, platform, plan_for(other))) as theirs:
        difference = compare(ours, theirs)
    assert difference is not None
    assert difference.where is Where.HEADER, "their events are equal, so only the guest differs"

    with pytest.raises(StateDivergence, match="memory") as caught:
        replay(platform, trace, Changes(guest=other))
    assert caught.value.position.event > 0


@pytest.mark.slow
def test_one_changed_byte_of_a_text(
    studio: Studio, platform: Platform, constants: Callable[..., bytes]
) -> None:
    guest = constants(platform.target)
    assert guest.count(b"done\n\0") == 1
    trace = record(studio, platform, plan_for(guest))
    with pytest.raises(Divergence) as caught:
        replay(platform, trace, Changes(guest=guest.replace(b"done\n\0", b"Done\n\0")))
    with open_trace(trace) as opened:
        written = [e for e in opened.events() if e.call.name == "ConsoleWrite"]
    done = next(e for e in written if e.index == caught.value.position.event)
    assert done.call == caught.value.expected
    assert "5 bytes" in str(caught.value.actual)


@pytest.mark.slow
def test_other_arguments(
    studio: Studio, platform: Platform, constants: Callable[..., bytes]
) -> None:
    plan = plan_for(constants(platform.target))
    trace = record(studio, platform, plan)
    with pytest.raises(Divergence) as caught:
        replay(platform, trace, Changes(command_line=b"some wordS"))
    assert "ConsoleWrite" in str(caught.value.expected)
    assert str(caught.value.actual).startswith("ConsoleWrite(data=<10 bytes")


@pytest.mark.slow
def test_nothing_changed_is_faithful(studio: Studio, platform: Platform, tmp_path: Path) -> None:
    """The same guest, built again and given explicitly."""
    plan = plan_for(build(platform.target, tmp_path))
    trace = record(studio, platform, plan)
    same = Changes(guest=build(platform.target, tmp_path), command_line=plan.command_line)
    replayed = replay(platform, trace, same)
    with open_trace(trace) as opened:
        assert replayed.position == Position(opened.event_count)
    assert replayed.digests_verified == 1
