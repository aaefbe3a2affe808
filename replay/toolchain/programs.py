"""The guest programs that are shipped: their sources, and the cases that say how they behave.

guest/programs/README.md describes the files of a program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from replay.toolchain.bindings import TARGETS, guest_tree
from replay.toolchain.build import BuildRequest
from replay.toolchain.errors import BadRequest

Ending = Literal["exit", "stopped", "never"]

# What a program can name as a library: folders of the guest tree with sources and headers.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "ping": ("programs/lib-ping",),
    "tcpip": (
        "programs/lib-tcpip",
        "third_party/lwip/src/core",
        "third_party/lwip/src/core/ipv4",
        "third_party/lwip/src/netif",
        "third_party/lwip/src/include",
    ),
}


@dataclass(frozen=True, slots=True)
class BlockCase:
    """A block device of a case: a file of zeros; both sizes in bytes."""

    size_bytes: int
    block_size: int = 512


@dataclass(frozen=True, slots=True)
class NetCase:
    """A network device of a case: the frames that arrive, one per poll, and those that leave."""

    mac: bytes
    mtu: int = 1500
    received: tuple[bytes, ...] = ()
    sent: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a program and what must come of it.

    `ends` is "exit" when the guest halts, "stopped" when the monitor has to end it with a text
    that contains `message`, "never" when it runs until interrupted. `status` is that of the
    process, `expected` the text for `transcript.compare_transcript`.
    """

    name: str
    args: tuple[str, ...]
    status: int
    expected: str
    ends: Ending = "exit"
    message: str = ""
    mem_mib: int | None = None
    blocks: Mapping[str, BlockCase] = field(default_factory=dict)
    nets: Mapping[str, NetCase] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """A folder below guest/programs."""

    name: str
    directory: Path

    @property
    def manifest(self) -> Path:
        """The JSON file of its devices."""
        return self.directory / "manifest.json"

    def sources(self) -> tuple[Path, ...]:
        """Give its C and assembly files and those of its libraries."""
        folders = (self.directory, *self.include_dirs())
        return tuple(path for folder in folders for path in sorted(folder.glob("*.[cS]")))

    def include_dirs(self) -> tuple[Path, ...]:
        """Give the folders of its libraries, after those that all programs have."""
        tree = guest_tree()
        folders = [folder for name in self.libraries() for folder in LIBRARIES[name]]
        return tuple(tree / folder for folder in ("programs/lib", "freestanding", *folders))

    def libraries(self) -> tuple[str, ...]:
        """Give the names in ``LIBRARIES`` that its case.json has; ValueError for any other."""
        names = tuple(map(str, _list(self._described().get("libraries", []))))
        if unknown := set(names) - set(LIBRARIES):
            raise ValueError(f"{self.name}: no such library: {sorted(unknown)}")
        return names

    def request(self, target: str, output: Path, *, compiler: str = "gcc") -> BuildRequest:
        """Give the request that builds the program for a target."""
        return BuildRequest(
            target=target,
            manifest=self.manifest,
            output=output,
            sources=self.sources(),
            include_dirs=self.include_dirs(),
            compiler=compiler,
        )

    def cases(self, target: str = "hvt") -> list[Case]:
        """Read the cases of the program on a target from its case.json; it may be for others."""
        if self.why_not(target):
            return []
        raws = [_mapping(raw) for raw in _list(self._described()["cases"])]
        return [_case(self.directory, _on_target(raw, target)) for raw in raws]

    def why_not(self, target: str) -> str:
        """Say why the program is not for a target; empty if it is for it."""
        return str(_mapping(self._described().get("not_for", {})).get(target, ""))

    def _described(self) -> Mapping[str, object]:
        text = (self.directory / "case.json").read_text(encoding="utf-8")
        return _mapping(json.loads(text))


def all_programs() -> list[Program]:
    """Give all shipped programs, by name."""
    folders = sorted(path.parent for path in (guest_tree() / "programs").glob("*/main.c"))
    return [Program(folder.name, folder) for folder in folders]


def find_program(name: str) -> Program:
    """Give one shipped program; BadRequest lists the names if there is none of that one."""
    programs = {program.name: program for program in all_programs()}
    if name not in programs:
        raise BadRequest(f"no program {name!r} is shipped; there are: {', '.join(programs)}")
    return programs[name]


def _on_target(raw: Mapping[str, object], target: str) -> Mapping[str, object]:
    """A case with what is different on a target; ValueError for an unknown target."""
    differences = _mapping(raw.get("on", {}))
    if unknown := set(differences) - set(TARGETS):
        raise ValueError(f"no such target in a case: {sorted(unknown)}")
    common = {key: value for key, value in raw.items() if key != "on"}
    return {**common, **_mapping(differences.get(target, {}))}


def _case(directory: Path, raw: Mapping[str, object]) -> Case:
    known = {"name", "args", "status", "expected", "ends", "message", "mem_mib", "devices"}
    unknown = set(raw) - known
    ends = raw.get("ends", "exit")
    if unknown or ends not in get_args(Ending):
        raise ValueError(f"{directory.name}: unknown in a case: {sorted(unknown) or ends}")
    devices = _mapping(raw.get("devices", {}))
    expected = directory / str(raw.get("expected", "expected.txt"))
    return Case(
        name=str(raw["name"]),
        args=tuple(map(str, _list(raw["args"]))),
        status=_integer(raw["status"]),
        expected=expected.read_text(encoding="utf-8"),
        ends=ends,  # type: ignore[arg-type]  # one of Ending, as checked above
        message=str(raw.get("message", "")),
        mem_mib=_integer(raw["mem_mib"]) if "mem_mib" in raw else None,
        blocks={n: _block(d) for n, d in _of_type(devices, "block").items()},
        nets={n: _net(d) for n, d in _of_type(devices, "net").items()},
    )


def _of_type(devices: Mapping[str, object], kind: str) -> dict[str, Mapping[str, object]]:
    named = {name: _mapping(device) for name, device in devices.items()}
    return {name: device for name, device in named.items() if device["type"] == kind}


def _block(raw: Mapping[str, object]) -> BlockCase:
    return BlockCase(_integer(raw["size_bytes"]), _integer(raw.get("block_size", 512)))


def _net(raw: Mapping[str, object]) -> NetCase:
    return NetCase(
        mac=bytes.fromhex(str(raw["mac"]).replace(":", "")),
        mtu=_integer(raw.get("mtu", 1500)),
        received=tuple(bytes.fromhex(str(frame)) for frame in _list(raw.get("received", []))),
        sent=tuple(bytes.fromhex(str(frame)) for frame in _list(raw.get("sent", []))),
    )


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"not an object: {value!r}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"not an array: {value!r}")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"not an integer: {value!r}")
    return value
