"""Cases of programs as plans, worlds and verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.block import BlockRead
from monitors.calls.lifecycle import MisuseKind
from monitors.calls.net import NetRead
from monitors.manifest import AttachedBlock
from replay.machine.ending import Ending, Halted, Misused, Stopped
from replay.testing import cases
from replay.testing.cases import MEM_MIB, GuestShelf, case_plan, disappointments, scripted_world
from replay.toolchain.build import BuildRequest
from replay.toolchain.programs import BlockCase, Case, NetCase, find_program

EXITS = Case(name="exits", args=("a", "b"), status=3, expected="hello\n")
STOPPED = Case(
    name="stopped", args=(), status=1, expected="hello\n", ends="stopped", message="port"
)
NEVER = Case(name="never", args=(), status=1, expected="hello\n", ends="never")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> GuestShelf:
    return GuestShelf(tmp_path_factory.mktemp("guests"))


def test_a_guest_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(request: BuildRequest) -> Path:
        built.append(f"{request.output.name} for {request.target}")
        request.output.write_bytes(b"ELF")
        return request.output

    monkeypatch.setattr(cases, "build_guest", build)
    shelf = GuestShelf(tmp_path)
    for _ in range(2):
        assert shelf.guest(find_program("hello"), "hvt") == b"ELF"
    shelf.guest(find_program("exit"), "hvt")
    assert built == ["hello.hvt for hvt", "exit.hvt for hvt"]


@pytest.mark.slow
def test_a_plan_says_what_its_case_says(shelf: GuestShelf) -> None:
    program = find_program("blk")
    case = Case(
        "made", ("some", "words"), 0, "", blocks={"storage": BlockCase(8192, 4096)}, mem_mib=None
    )
    plan, image = case_plan(case, shelf.guest(program, "hvt"), "blk")
    assert image.target == "hvt"
    assert (plan.mem_size, plan.command_line) == (MEM_MIB << 20, b"some words")
    assert plan.attachments == (AttachedBlock(1, "storage", 8192, 4096),)
    smaller, _ = case_plan(replace(case, mem_mib=4), plan.guest, "blk")
    assert smaller.mem_size == 4 << 20


@pytest.mark.slow
def test_a_device_that_the_guest_has_not(shelf: GuestShelf) -> None:
    guest = shelf.guest(find_program("blk"), "hvt")
    with pytest.raises(ValueError, match="'wire'"):
        case_plan(Case("made", (), 0, "", nets={"wire": NetCase(bytes(6))}), guest, "blk")


@pytest.mark.slow
def test_a_world_has_the_devices_of_its_case(shelf: GuestShelf) -> None:
    program = find_program("blk")
    case = program.cases()[0]
    plan, _ = case_plan(case, shelf.guest(program, "hvt"), "blk")
    world = scripted_world(case, plan)
    assert world.answer(BlockRead(1, 0, 512)).data == bytes(512)
    assert world.answer(BlockRead(1, case.blocks["storage"].size_bytes, 512)).status != 0


@pytest.mark.slow
def test_a_world_delivers_the_frames_of_its_case(shelf: GuestShelf) -> None:
    program = find_program("net")
    guest = shelf.guest(program, "hvt")
    case = Case("made", (), 0, "", nets={"service0": NetCase(bytes(6), received=(b"1", b"2"))})
    plan, _ = case_plan(case, guest, "net")
    for _ in range(2):
        world = scripted_world(case, plan)
        assert [world.answer(NetRead(1, 99)).data for _ in range(3)] == [b"1", b"2", b""]


@pytest.mark.parametrize(
    ("case", "ending"),
    [
        (EXITS, Halted(3)),
        (EXITS, Halted(259)),
        (STOPPED, Misused(MisuseKind.INVALID_HYPERCALL, "no such port")),
        (NEVER, Stopped()),
    ],
)
def test_what_is_as_it_should_be(case: Case, ending: Ending) -> None:
    assert disappointments(case, ending, b"hello\n", []) == []


@pytest.mark.parametrize(
    ("case", "ending", "complaint"),
    [
        (EXITS, Halted(4), "status 4 instead of 3"),
        (EXITS, Misused(MisuseKind.INVALID_HYPERCALL, "port"), "not as 'exit'"),
        (EXITS, Stopped(), "not as 'exit'"),
        (EXITS, None, "not as 'exit'"),
        (STOPPED, Misused(MisuseKind.INVALID_POINTER, "pointer"), "not as 'stopped'"),
        (STOPPED, Halted(1), "not as 'stopped'"),
        (NEVER, Halted(1), "not as 'never'"),
    ],
)
def test_another_ending_is_told(case: Case, ending: Ending | None, complaint: str) -> None:
    assert complaint in "; ".join(disappointments(case, ending, b"hello\n", []))


def test_another_console_and_other_frames_are_told() -> None:
    case = replace(EXITS, nets={"wire": NetCase(bytes(6), sent=(b"frame",))})
    found = disappointments(case, Halted(3), b"bye\n", [])
    assert [complaint.split()[0] for complaint in found] == ["console", "0"]
    assert disappointments(case, Halted(3), b"hello\n", [b"frame"]) == []
