"""Device options of the tender's command line, and the devices that they attach.

They are spelled ``--net:NAME=tapN``: the device's name is part of the option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitors.errors import GuestRefused
from monitors.manifest import (
    MFT_NAME_MAX,
    AttachedBlock,
    AttachedNet,
    Attachment,
    DeviceType,
    Manifest,
    ManifestEntry,
)
from replay.devices.block import DEFAULT_BLOCK_SIZE, BlockImage, BlockStore
from replay.devices.entropy import random_mac
from replay.devices.tap import Interface, adopt_tap, attach_tap

_OPTION = re.compile(
    r"--(net|net-mac|block|block-sector-size|block-overlay):([^=]*)(?:=(.*))?", re.DOTALL
)
_NAME = re.compile(r"[A-Za-z0-9]+")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_DESCRIPTOR = re.compile(r"@(\d{1,7})")
_SIZE = re.compile(r"\d{1,9}", re.ASCII)
_SECTOR_RULE = "Block size must be a multiple of 2 greater than or equal 512"
_SPELLING: dict[int, str] = {
    DeviceType.NET_BASIC: "--net:{}=TAP",
    DeviceType.BLOCK_BASIC: "--block:{}=FILE",
}


class BadDeviceOption(Exception):
    """A device option that is not written as it must be."""


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What the operator gave, by device name; ``overlay_all``: an overlay on each image."""

    nets: Mapping[str, str] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, str] = field(default_factory=dict)
    sector_sizes: Mapping[str, str] = field(default_factory=dict)
    overlays: frozenset[str] = frozenset()
    overlay_all: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """The devices of a guest: as it sees them, and as the host serves them by handle."""

    attachments: tuple[Attachment, ...]
    stores: Mapping[int, BlockStore]
    interfaces: Mapping[int, Interface]
    adopted: frozenset[int] = frozenset()
    """Interfaces that this process was started with, and that stay open."""

    def close(self) -> None:
        """Give the devices back, so that another run can have them."""
        for store in self.stores.values():
            store.close()
        for handle, interface in self.interfaces.items():
            if handle not in self.adopted:
                os.close(interface.fd)


def is_device_option(word: str) -> bool:
    """Whether ``word`` is one, however badly written."""
    return _OPTION.fullmatch(word) is not None


def device_options(words: Iterable[str], *, overlay_all: bool = False) -> DeviceOptions:
    """What the device options among ``words`` say, the last of a name; BadDeviceOption."""
    given: dict[str, dict[str, str]] = {
        kind: {} for kind in ("net", "net-mac", "block", "block-sector-size", "block-overlay")
    }
    for word in words:
        kind, name, value = _parts(word)
        given[kind][name] = value
    return DeviceOptions(
        nets=given["net"],
        macs=given["net-mac"],
        blocks=given["block"],
        sector_sizes=given["block-sector-size"],
        overlays=frozenset(given["block-overlay"]),
        overlay_all=overlay_all,
    )


def _parts(word: str) -> tuple[str, str, str]:
    match = _OPTION.fullmatch(word)
    assert match is not None, word
    kind, name, value = match.groups()
    if not _NAME.fullmatch(name):
        raise BadDeviceOption(f"{word}: {name!r} is no device name, which has letters and digits")
    if len(name) > MFT_NAME_MAX:
        raise BadDeviceOption(f"{word}: a device name has {MFT_NAME_MAX} characters at most")
    if kind == "block-overlay":
        if value is not None:
            raise BadDeviceOption(f"{word}: an overlay takes no value")
    elif not value:
        raise BadDeviceOption(f"{word}: a value is missing: --{kind}:{name}=VALUE")
    return kind, name, value or ""


def attach(manifest: Manifest, options: DeviceOptions) -> Attached:
    """Open every device; raises GuestRefused for names and values, DeviceFailure for the host's."""
    _check_names(manifest, (*options.nets, *options.macs), DeviceType.NET_BASIC)
    blocks = (*options.blocks, *options.sector_sizes, *sorted(options.overlays))
    _check_names(manifest, blocks, DeviceType.BLOCK_BASIC)
    attachments: list[Attachment] = []
    stores: dict[int, BlockStore] = {}
    interfaces: dict[int, Interface] = {}
    for name in options.blocks:
        handle = _handle(manifest, name)
        store = stores[handle] = _store(name, options)
        attachments.append(AttachedBlock(handle, name, store.capacity_bytes, store.block_size))
    for name, where in options.nets.items():
        handle = _handle(manifest, name)
        mac = _mac(options.macs, name)
        interface = interfaces[handle] = _interface(where)
        attachments.append(AttachedNet(handle, name, mac, interface.mtu))
    _check_complete(manifest.unattached(attachments))
    adopted = (_handle(manifest, name) for name, at in options.nets.items() if at[:1] == "@")
    ordered = tuple(sorted(attachments, key=lambda a: a.handle))
    return Attached(ordered, stores, interfaces, frozenset(adopted))


def _store(name: str, options: DeviceOptions) -> BlockStore:
    path, block_size = Path(options.blocks[name]), _sector_size(options.sector_sizes, name)
    if options.overlay_all or name in options.overlays:
        from replay.devices.overlay import Overlay

        return Overlay(BlockImage(path, block_size, read_only=True))
    return BlockImage(path, block_size)


def _interface(where: str) -> Interface:
    descriptor = _DESCRIPTOR.fullmatch(where)
    return adopt_tap(int(descriptor[1])) if descriptor else attach_tap(where)


def _handle(manifest: Manifest, name: str) -> int:
    found = manifest.device(name)
    assert found is not None
    return found[0]


def _check_names(manifest: Manifest, given: Iterable[str], type_: DeviceType) -> None:
    for name in given:
        found = manifest.device(name)
        if found is None or found[1].type != type_:
            declared = [e.name for e in manifest.entries[1:] if e.type == type_]
            known = f"it declares: {', '.join(declared)}" if declared else "it declares none"
            raise GuestRefused(f"the guest has no {type_.name} device {name!r}", hint=known)


def _check_complete(missing: Sequence[ManifestEntry]) -> None:
    if missing:
        lines = [_missing(entry) for entry in missing]
        raise GuestRefused(
            "\n".join([*lines, "all devices that a guest declares must be attached"])
        )


def _missing(entry: ManifestEntry) -> str:
    option = _SPELLING.get(entry.type)
    remedy = f"; attach it with {option.format(entry.name)}" if option else ""
    return f"device {entry.name} ({entry.type_name}) is not attached{remedy}"


def _sector_size(given: Mapping[str, str], name: str) -> int:
    text = given.get(name)
    if text is None:
        return DEFAULT_BLOCK_SIZE
    # The manifest has 16 bits for it, and Solo5's tenders take the number modulo 65536.
    size = int(text) & 0xFFFF if _SIZE.fullmatch(text) else 0
    if size < DEFAULT_BLOCK_SIZE or size & (size - 1):
        raise GuestRefused(f"sector size {text!r} of {name}: {_SECTOR_RULE}")
    return size


def _mac(given: Mapping[str, str], name: str) -> bytes:
    text = given.get(name)
    if text is None:
        return random_mac()
    if not _MAC.fullmatch(text):
        raise GuestRefused(f"MAC address {text!r} of {name}", hint="write it as 02:00:00:00:00:01")
    mac = bytes.fromhex(text.replace(":", ""))
    return mac if any(mac) else random_mac()
