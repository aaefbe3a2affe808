"""A manifest's JSON source, and the C source that puts it into a unikernel.

Accepts and refuses what upstream's ``solo5-elftool gen-manifest`` (Solo5 v0.12) does. One step
stays apart: an unknown device type is no error of the source's form, it only has no number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitors.errors import BadManifest
from monitors.manifest import (
    MFT_MAX_ENTRIES,
    MFT_VERSION,
    NAME_RULE,
    DeviceType,
    Manifest,
    is_device_name,
    manifest_of,
)
from replay.toolchain.loose_json import BadJson, Node, parse_loose_json

MANIFEST_TYPE = "solo5.manifest"
DEVICES_MAX = MFT_MAX_ENTRIES - 1

_DEVICE_TYPES = {t.name: t for t in (DeviceType.BLOCK_BASIC, DeviceType.NET_BASIC)}
# The type becomes part of a C identifier, so nothing else may get through.
_TYPE_NAME = re.compile(r"[A-Za-z0-9_]*")


class BadManifestSource(BadManifest):
    """A JSON manifest that is refused: ``origin`` names the file, ``line`` (from 1) the place."""

    def __init__(self, problem: str, *, origin: str, line: int, hint: str = "") -> None:
        self.problem = problem
        self.origin = origin
        self.line = line
        super().__init__(f"{origin}:{line}: {problem}", hint=hint)


@dataclass(frozen=True, slots=True)
class DeclaredDevice:
    """A device as its source declares it; ``type_name`` may be one that mft_abi.h lacks."""

    name: str
    type_name: str
    line: int


@dataclass(frozen=True, slots=True)
class ManifestSource:
    """A well-formed source: its file's name and its devices (at most 63)."""

    origin: str
    devices: Sequence[DeclaredDevice]

    def manifest(self) -> Manifest:
        """The manifest that the source means; raises BadManifestSource for an unknown type."""
        return manifest_of((device.name, self._type(device)) for device in self.devices)

    def c_source(self) -> str:
        """The C file for the source; an unknown type becomes a constant that no header has."""
        return _c_source((device.name, device.type_name) for device in self.devices)

    def _type(self, device: DeclaredDevice) -> DeviceType:
        if device.type_name not in _DEVICE_TYPES:
            problem = f"unknown device type {device.type_name!r}"
            hint = f"use {' or '.join(_DEVICE_TYPES)}"
            raise BadManifestSource(problem, origin=self.origin, line=device.line, hint=hint)
        return _DEVICE_TYPES[device.type_name]


def load_manifest_json(text: str, *, origin: str) -> Manifest:
    """The manifest in JSON ``text``; BadManifestSource names ``origin`` and the line."""
    return read_manifest_source(text, origin=origin).manifest()


def read_manifest_source(text: str, *, origin: str) -> ManifestSource:
    """The devices that JSON ``text`` declares, with upstream's checks; raises BadManifestSource."""
    try:
        return _Checker(origin).source(parse_loose_json(text))
    except BadJson as error:
        raise BadManifestSource(error.what, origin=origin, line=error.line) from error


def manifest_c_source(manifest: Manifest) -> str:
    """The C file that declares ``manifest``'s note; BadManifest for what a source cannot say."""
    for entry in manifest.entries[1:]:
        if entry.type_name not in _DEVICE_TYPES:
            raise BadManifest(f"device {entry.name!r} has the unknown type {entry.type_name}")
        if not is_device_name(entry.name):
            raise BadManifest(f"{entry.name!r} is no device name", hint=NAME_RULE)
    return _c_source((entry.name, entry.type_name) for entry in manifest.entries[1:])


class _Checker:
    """The rules for a parsed source; ``origin`` is what its errors name."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def source(self, root: Node) -> ManifestSource:
        members = self._members(root, ("type", "version", "devices"), "manifest")
        kind = members["type"]
        if kind.value != MANIFEST_TYPE:
            raise self._refused(f'"type" is not "{MANIFEST_TYPE}"', kind)
        version = members["version"]
        if type(version.value) is not int or version.value != MFT_VERSION:
            raise self._refused(f'"version" is not {MFT_VERSION}', version)
        return ManifestSource(self._origin, self._devices(members["devices"]))

    def _devices(self, node: Node) -> Sequence[DeclaredDevice]:
        if not isinstance(node.value, list):
            raise self._refused('"devices" is not an array', node)
        if len(node.value) > DEVICES_MAX:
            raise self._refused(f"too many entries, maximum {DEVICES_MAX}", node)
        return tuple(self._device(element) for element in node.value)

    def _device(self, node: Node) -> DeclaredDevice:
        members = self._members(node, ("name", "type"), "device")
        name = members["name"]
        if not isinstance(name.value, str) or not is_device_name(name.value):
            raise self._refused("bad device name", name, hint=NAME_RULE)
        type_ = members["type"]
        if not isinstance(type_.value, str) or not _TYPE_NAME.fullmatch(type_.value):
            raise self._refused("bad device type", type_, hint=f"use {' or '.join(_DEVICE_TYPES)}")
        return DeclaredDevice(name.value, type_.value, node.line)

    def _members(self, node: Node, keys: Sequence[str], what: str) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self._refused(f"{what} is not an object", node)
        for key, member in node.value.items():
            if key not in keys:
                raise self._refused(f"unknown key {key[:40]!r} in {what}", member)
        for key in keys:
            if key not in node.value:
                raise self._refused(f'{what} has no "{key}"', node)
        return node.value

    def _refused(self, problem: str, node: Node, hint: str = "") -> BadManifestSource:
        return BadManifestSource(problem, origin=self._origin, line=node.line, hint=hint)


def _c_source(devices: Iterable[tuple[str, str]]) -> str:
    records = ['{ .name = "", .type = MFT_RESERVED_FIRST }']
    records += [f'{{ .name = "{name}", .type = MFT_DEV_{type_} }}' for name, type_ in devices]
    lines = [
        "/* Made by solo5-elftool from a JSON manifest. */",
        f"#define MFT_ENTRIES {len(records)}",
        '#include "mft_abi.h"',
        "",
        "MFT1_NOTE_DECLARE_BEGIN",
        "{",
        "    .version = MFT_VERSION,",
        "    .entries = MFT_ENTRIES,",
        "    .e = {",
        *(f"        {record}," for record in records),
        "    }",
        "}",
        "MFT1_NOTE_DECLARE_END",
    ]
    return "\n".join(lines) + "\n"
