"""Every case of Solo5's own suite (v0.12) that applies to hvt or spt on Linux, with our guests.

The arguments, the memory and the expectations are upstream's; each run is then replayed and
checked. The cases with a network are in test_upstream_suite_net.py. Not here are the cases of other
targets and those for OpenBSD alone, whose hypervisor enforces what Linux's does not (`xnor`,
`rnox`, and `wnox` for hvt); the conformance suite runs those guests all the same.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conformance.tender import Done, Tender

pytestmark = pytest.mark.slow

FAULT = "host/guest translation fault"
MISALIGNED = "Backing storage size must be block aligned"
ODD = "Block size must be a multiple of 2"
TOO_SMALL = "Block size must be a multiple of 2 greater than or equal 512"
MIB = 1 << 20
MANIFEST_NOTE = struct.pack("<I", 0x3154464D)  # mft_abi.h: type "MFT1" of a note called Solo5


@dataclass(frozen=True, slots=True)
class Case:
    """A row of upstream's table for one target: how it is called and what must come of it.

    ``image_bytes`` is the size of the image behind the device `storage`; ``recorded`` is false
    where the tender refuses to start.
    """

    name: str
    program: str
    status: int = 0
    words: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    image_bytes: int = 0
    recorded: bool = True
    target: str = "hvt"

    def __str__(self) -> str:
        return f"{self.target} {self.name}"


def success(name: str, program: str = "", **how: object) -> Case:
    return Case(name, program or name, words=("SUCCESS",), **how)  # type: ignore[arg-type]


def abort(name: str) -> Case:
    return Case(name, name, status=255, words=("ABORT",))


def refused(name: str, message: str, image_bytes: int, sector_size: int) -> Case:
    option = f"--block-sector-size:storage={sector_size}"
    return Case(
        name,
        "blk",
        status=1,
        words=(message,),
        options=(option,),
        image_bytes=image_bytes,
        recorded=False,
    )


def segmentation_fault(name: str) -> Case:
    return Case(name, name, status=139, lacks=("FAILURE",))


OF_BOTH = (
    success("hello", arguments=("Hello_Solo5",)),
    success("quiet", arguments=("--solo5:quiet",), lacks=("Solo5:",)),
    Case("output", "output"),
    success("globals"),
    success("tls"),
    abort("ssp"),
    success("fpu"),
    success("time"),
    success("blk", image_bytes=4 * MIB),
    success(
        "blk block-sector-size=4096",
        "blk",
        image_bytes=4 * MIB,
        options=("--block-sector-size:storage=4096",),
    ),
    refused("blk misaligned", MISALIGNED, 6144, 4096),
    refused("blk odd", ODD, 4 * MIB, 521),
    refused("blk too small", TOO_SMALL, 4 * MIB, 256),
)
OF_HVT = (
    abort("exception"),
    abort("zeropage"),
    Case("xnow", "xnow", status=1, words=(FAULT,)),
    Case("rnow", "rnow", status=1, words=(FAULT,)),
    abort("notls"),
)
OF_SPT = (
    segmentation_fault("exception"),
    segmentation_fault("zeropage"),
    segmentation_fault("xnow"),
    segmentation_fault("wnox"),
    segmentation_fault("notls"),
    Case("seccomp", "sptfaults", status=159, lacks=("FAILURE",), arguments=("dup",)),
)
CASES = (*OF_BOTH, *OF_HVT, *(replace(case, target="spt") for case in (*OF_BOTH, *OF_SPT)))
MEMORY = {"hvt": "--mem=4096", "spt": "--mem=2"}


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tender-guests")


@pytest.fixture(params=["hvt"])
def tender(tmp_path: Path, guests: Path, request: pytest.FixtureRequest) -> Tender:
    return Tender(tmp_path, guests, request.param)


def assert_faithful(tender: Tender, recorded: Done) -> None:
    replayed = tender.check()
    assert replayed.status == (1 if recorded.status else 0), replayed.output
    verdict = "faithful, guest failed as recorded: " if recorded.status else "faithful: "
    assert replayed.stdout.startswith(verdict), replayed.output


@pytest.mark.parametrize(
    ("tender", "case"), [(case.target, case) for case in CASES], indirect=["tender"], ids=str
)
def test_case(tender: Tender, case: Case) -> None:
    options = list(case.options)
    if case.image_bytes:
        options.append(f"--block:storage={tender.image('disk.img', case.image_bytes)}")
    memory, guest = MEMORY[case.target], tender.guest(case.program)
    done = tender.record(memory, *options, "--", guest, *case.arguments)
    assert done.status == case.status, done.output
    assert [word for word in case.words if word not in done.output] == [], done.output
    assert [word for word in case.lacks if word in done.output] == []
    assert tender.trace.exists() == case.recorded
    if case.recorded:
        assert_faithful(tender, done)


@pytest.mark.parametrize(
    "order",
    [lambda o, g, a: (*o, "--", g, *a), lambda o, g, a: ("--", g, *a), lambda o, g, a: (g, *a)],
    ids=["options -- image", "-- image", "image"],
)
def test_orders_of_words(tender: Tender, order: Callable[..., tuple[str | Path, ...]]) -> None:
    done = tender.record(*order(("--mem=2",), tender.guest("hello"), ("Hello_Solo5",)))
    assert (done.status, "SUCCESS" in done.stdout) == (0, True), done.output


def test_dumpcore(tender: Tender) -> None:
    """The core's name is the end of a line of the output."""
    done = tender.record(f"--dumpcore={tender.folder}", tender.guest("abort"))
    assert done.status == 255
    names = re.findall(r"core\.solo5-hvt\.[0-9]+$", done.output, re.MULTILINE)
    assert len(names) == 1, done.output
    assert (tender.folder / names[0]).is_file()
    assert_faithful(tender, done)


@pytest.mark.parametrize("tender", MEMORY, indirect=True)
def test_mft_maxdevices(tender: Tender) -> None:
    images = [(f"storage{n}", tender.image(f"disk{n}.img", 4096)) for n in range(63)]
    options = [f"--block:{name}={image}" for name, image in images]
    done = tender.record(MEMORY[tender.target], *options, tender.guest("maxdevices"))
    assert (done.status, "SUCCESS" in done.stdout) == (0, True), done.output
    assert_faithful(tender, done)


def test_too_many_entries(tender: Tender) -> None:
    devices = [{"name": f"storage{n}", "type": "BLOCK_BASIC"} for n in range(1, 65)]
    source = tender.folder / "manifest.json"
    source.write_text(json.dumps({"type": "solo5.manifest", "version": 1, "devices": devices}))
    done = tender.run("solo5-elftool", "gen-manifest", source, "/dev/null")
    assert done.status == 1
    assert "too many entries, maximum 63" in done.output


def test_buggyelf(tender: Tender) -> None:
    """A manifest note whose size is below that of its own padding."""
    image = bytearray(tender.guest("hello").read_bytes())
    at = image.index(MANIFEST_NOTE + b"Solo5\0")
    image[at - 4 : at] = struct.pack("<I", 1)
    buggy = tender.folder / "buggy.hvt"
    buggy.write_bytes(image)
    done = tender.record("--mem=4096", "--", buggy)
    assert done.status == 1
    assert "note does not fall within valid size" in done.output


def test_noexec_host(tender: Tender) -> None:
    """The host does not run a guest's file as if it were its own."""
    guest = tender.guest("hello")
    guest.chmod(0o755)
    done = tender.command(["bash", "-c", str(guest)])
    assert done.status == 127
    assert re.search("No such file or directory|required file not found", done.output)
