"""Device options of the tender's command line, and the devices that they attach.

They are spelled ``--net:NAME=tapN``: the device's name is part of the option, which ``argparse``
does not know, so ``split_device_names`` turns them into ``--net NAME=tapN`` first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitors.errors import GuestRefused
from monitors.manifest import (
    AttachedBlock,
    AttachedNet,
    Attachment,
    DeviceType,
    Manifest,
    ManifestEntry,
)
from replay.devices.block import DEFAULT_BLOCK_SIZE, BlockImage
from replay.devices.entropy import random_mac
from replay.devices.net import TapInterface

_DEVICE_OPTION = re.compile(r"--(net|net-mac|block|block-sector-size):([^=]*)=(.*)", re.DOTALL)
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_SECTOR_RULE = "Block size must be a multiple of 2 greater than or equal 512"


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What the operator gave, by device name."""

    nets: dict[str, str]
    macs: dict[str, str]
    blocks: dict[str, str]
    sector_sizes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Attached:
    """The devices of a guest: as it sees them, and as the host serves them by handle."""

    attachments: tuple[Attachment, ...]
    images: dict[int, BlockImage]
    interfaces: dict[int, int]


def split_device_names(arguments: Sequence[str], valued: frozenset[str]) -> list[str]:
    """``arguments`` with ``--net:NAME=X`` as two words, up to the guest's file; ``valued`` are the
    options that take the next word."""
    result: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--" or not word.startswith("-"):
            return [*result, word, *rest]
        if match := _DEVICE_OPTION.fullmatch(word):
            result += [f"--{match[1]}", f"{match[2]}={match[3]}"]
            continue
        result.append(word)
        if word in valued and rest:
            result.append(rest.pop(0))
    return result


def named_values(pairs: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a dictionary; the last of a name wins."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def attach(manifest: Manifest, options: DeviceOptions) -> Attached:
    """Open every device; raises GuestRefused for names and values, DeviceFailure for the host's."""
    for given in (options.nets, options.macs):
        _check_names(manifest, given, DeviceType.NET_BASIC)
    for given in (options.blocks, options.sector_sizes):
        _check_names(manifest, given, DeviceType.BLOCK_BASIC)
    attachments: list[Attachment] = []
    images: dict[int, BlockImage] = {}
    interfaces: dict[int, int] = {}
    for name, path in options.blocks.items():
        handle = _handle(manifest, name)
        image = images[handle] = BlockImage(Path(path), _sector_size(options.sector_sizes, name))
        attachments.append(AttachedBlock(handle, name, image.capacity_bytes, image.block_size))
    for name, interface in options.nets.items():
        handle = _handle(manifest, name)
        tap = TapInterface(interface)
        interfaces[handle] = tap.fd
        attachments.append(AttachedNet(handle, name, _mac(options.macs, name), tap.mtu))
    _check_complete(manifest, attachments)
    return Attached(tuple(sorted(attachments, key=lambda a: a.handle)), images, interfaces)


def _handle(manifest: Manifest, name: str) -> int:
    found = manifest.device(name)
    assert found is not None
    return found[0]


def _check_names(manifest: Manifest, given: dict[str, str], type_: DeviceType) -> None:
    for name in given:
        found = manifest.device(name)
        if found is None or found[1].type != type_:
            declared = [e.name for e in manifest.entries[1:] if e.type == type_]
            known = f"it declares: {', '.join(declared)}" if declared else "it declares none"
            raise GuestRefused(f"the guest has no {type_.name} device {name!r}", hint=known)


def _check_complete(manifest: Manifest, attachments: Sequence[Attachment]) -> None:
    missing = manifest.unattached(attachments)
    if missing:
        names = ", ".join(f"{entry.name} ({entry.type_name})" for entry in missing)
        options = " ".join(_option(entry) for entry in missing)
        raise GuestRefused(f"declared devices are not attached: {names}", hint=f"use {options}")


def _option(entry: ManifestEntry) -> str:
    is_net = entry.type == DeviceType.NET_BASIC
    return f"--net:{entry.name}=TAP" if is_net else f"--block:{entry.name}=FILE"


def _sector_size(given: dict[str, str], name: str) -> int:
    text = given.get(name)
    if text is None:
        return DEFAULT_BLOCK_SIZE
    size = int(text) & 0xFFFF if text.isascii() and text.isdigit() else 0
    if size < DEFAULT_BLOCK_SIZE or size & (size - 1):
        raise GuestRefused(f"sector size {text!r} of {name}: {_SECTOR_RULE}")
    return size


def _mac(given: dict[str, str], name: str) -> bytes:
    text = given.get(name)
    if text is None:
        return random_mac()
    if not _MAC.fullmatch(text):
        raise GuestRefused(f"MAC address {text!r} of {name}", hint="write it as 02:00:00:00:00:01")
    mac = bytes.fromhex(text.replace(":", ""))
    return mac if any(mac) else random_mac()
