"""The shipped programs: complete, and their cases readable."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from replay.toolchain.bindings import TARGETS
from replay.toolchain.errors import BadRequest
from replay.toolchain.programs import NetCase, Program, all_programs, find_program

NAMES = [program.name for program in all_programs()]
NAMES_ON_TARGETS = [
    (program.name, target)
    for program in all_programs()
    for target in TARGETS
    if not program.why_not(target)
]


def program_with(directory: Path, case: dict[str, object]) -> Program:
    (directory / "expected.txt").write_text("hello\n")
    (directory / "case.json").write_text(json.dumps({"cases": [case]}))
    return Program("made", directory)


@pytest.mark.parametrize("name", NAMES)
def test_every_program_is_for_some_target_and_says_why_not_for_others(name: str) -> None:
    program = find_program(name)
    reasons = {target: program.why_not(target) for target in TARGETS}
    assert not all(reasons.values())
    assert all(not program.cases(target) for target, reason in reasons.items() if reason)


@pytest.mark.parametrize(("name", "target"), NAMES_ON_TARGETS)
def test_every_program_has_its_files_and_cases(name: str, target: str) -> None:
    program = find_program(name)
    cases = program.cases(target)
    assert cases
    assert len({case.name for case in cases}) == len(cases)
    devices = json.loads(program.manifest.read_text())["devices"]
    declared = {(device["name"], device["type"]) for device in devices}
    for case in cases:
        given = {(device, "BLOCK_BASIC") for device in case.blocks}
        given |= {(device, "NET_BASIC") for device in case.nets}
        assert given == declared
        assert (case.ends == "stopped") == bool(case.message)
        assert 0 <= case.status <= 255


@pytest.mark.parametrize("name", NAMES)
def test_every_expected_text_belongs_to_a_case(name: str) -> None:
    program = find_program(name)
    raw = json.loads((program.directory / "case.json").read_text())["cases"]
    variants = [
        {**case, **case.get("on", {}).get(target, {})}
        for case in raw
        for target in TARGETS
        if not program.why_not(target)
    ]
    named = {variant.get("expected", "expected.txt") for variant in variants}
    assert {path.name for path in program.directory.glob("expected*.txt")} == named


def test_the_readme_names_every_program() -> None:
    readme = (find_program("hello").directory.parent / "README.md").read_text()
    table = set(re.findall(r"`(\w+)`", readme.split("## case.json")[0]))
    assert set(NAMES) <= table


def test_a_program_is_built_with_its_own_files_and_the_library() -> None:
    sources = [path.name for path in find_program("rdtscp").sources()]
    assert {"main.c", "instructions.S", "print.c", "string.c"} <= set(sources)
    assert "README.md" not in sources


def test_a_program_is_built_with_the_libraries_that_it_names() -> None:
    http, hello = find_program("http"), find_program("hello")
    assert (http.libraries(), hello.libraries()) == (("tcpip",), ())
    assert {"server.c", "tcpip.c", "tcp_in.c", "ethernet.c"} <= {p.name for p in http.sources()}
    assert "tcpip.c" not in {path.name for path in hello.sources()}
    assert all(folder.is_dir() for folder in http.include_dirs())


def test_an_unknown_library_is_refused(tmp_path: Path) -> None:
    program = program_with(tmp_path, {"name": "a", "args": [], "status": 0})
    (tmp_path / "case.json").write_text('{"libraries": ["libc"], "cases": []}')
    with pytest.raises(ValueError, match="libc"):
        program.sources()


def test_the_request_is_for_the_target_asked_for(tmp_path: Path) -> None:
    request = find_program("hello").request("hvt", tmp_path / "x.hvt", compiler="clang")
    assert (request.target, request.compiler) == ("hvt", "clang")
    assert request.output == tmp_path / "x.hvt"
    assert request.manifest.name == "manifest.json"


def test_an_unknown_program_is_refused_with_the_known_names() -> None:
    with pytest.raises(BadRequest, match="flaky, fpu"):
        find_program("nonesuch")


def test_devices_of_a_case(tmp_path: Path) -> None:
    devices = {
        "disk": {"type": "block", "size_bytes": 1024},
        "wire": {"type": "net", "mac": "02:00:00:00:00:09", "received": ["0102"], "sent": []},
    }
    program = program_with(tmp_path, {"name": "a", "args": [], "status": 0, "devices": devices})
    (case,) = program.cases()
    assert (case.blocks["disk"].size_bytes, case.blocks["disk"].block_size) == (1024, 512)
    wire = NetCase(mac=bytes([2, 0, 0, 0, 0, 9]), received=(b"\x01\x02",))
    assert case.nets == {"wire": wire}


def test_a_case_can_differ_on_a_target(tmp_path: Path) -> None:
    different = {"status": 139, "ends": "stopped", "message": "page fault"}
    case = {"name": "a", "args": ["b"], "status": 255, "on": {"spt": different}}
    program = program_with(tmp_path, case)
    (on_hvt,), (on_spt,) = program.cases("hvt"), program.cases("spt")
    assert (on_hvt.status, on_hvt.ends, on_hvt.message) == (255, "exit", "")
    assert (on_spt.status, on_spt.ends, on_spt.message) == (139, "stopped", "page fault")
    assert (on_hvt.name, on_hvt.args) == (on_spt.name, on_spt.args) == ("a", ("b",))


def test_a_program_that_is_not_for_a_target_has_no_cases_there(tmp_path: Path) -> None:
    program = program_with(tmp_path, {"name": "a", "args": [], "status": 0})
    described = json.loads((tmp_path / "case.json").read_text())
    (tmp_path / "case.json").write_text(json.dumps({**described, "not_for": {"spt": "too big"}}))
    assert (program.why_not("hvt"), program.why_not("spt")) == ("", "too big")
    assert (len(program.cases("hvt")), program.cases("spt")) == (1, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": "perhaps"},
        {"statsu": 1},
        {"status": "0"},
        {"args": "x"},
        {"devices": []},
        {"on": {"stp": {"status": 1}}},
        {"on": {"hvt": {"statsu": 1}}},
    ],
)
def test_a_case_with_a_mistake_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    program = program_with(tmp_path, {"name": "a", "args": [], "status": 0, **wrong})
    with pytest.raises(ValueError):
        program.cases()
