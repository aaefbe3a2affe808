"""A bug that shows only where a host is very late: chaos finds it, and its trace keeps it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from replay.testing.cases import GuestShelf
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program
from tests.cli.programs import run

pytestmark = pytest.mark.slow

RUNS = 200


@pytest.fixture(scope="module", params=["hvt", "spt"])
def impatient(
    request: pytest.FixtureRequest, shelf: GuestShelf, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The guest; the shelf says what is missing here."""
    hello = find_program("hello")
    folders = hello.include_dirs()
    library = [path for each in folders for path in sorted(each.glob("*.[cS]"))]
    sources = (Path(__file__).with_name("impatient.c"), *library)
    output = tmp_path_factory.mktemp("impatient") / f"impatient.{request.param}"
    wanted = BuildRequest(request.param, hello.manifest, output, sources, include_dirs=folders)
    return str(build_guest(wanted))


def test_chaos_finds_what_does_not_show_otherwise(impatient: str, here: Path) -> None:
    assert run("solo5-record", "-q", "--until-failure=5", impatient).status == 0
    words = ["--chaos", f"--until-failure={RUNS}", "--self-check", "-o", "found.mp", impatient]
    found = run("solo5-record", *words)
    assert found.status == 1
    assert "FAILURE: in step " in found.out
    assert "self-check: faithful, guest failed as recorded: " in found.err
    told = re.search(r"chaos: \d+ faults? \(.*\); --chaos-seed=(\d+)\n", found.err)
    assert told
    assert [path.name for path in here.glob("*.mp")] == ["found.mp"]
    header = json.loads(run("solo5-trace", "info", "--json", "found.mp").out)["header"]
    assert header["options"]["chaos_seed"] == int(told[1])
    replayed = run("solo5-replay", "found.mp")
    assert replayed.status == 1
    assert re.findall("FAILURE: .*", replayed.out) == re.findall("FAILURE: .*", found.out)[-1:]


def test_the_world_may_be_kind_in_part(impatient: str, here: Path) -> None:
    recorded = run("solo5-record", "--chaos=net,block", "--chaos-seed=1", impatient)
    assert recorded.status == 0
    assert "chaos: 0 faults (nothing); --chaos-seed=1\n" in recorded.err
