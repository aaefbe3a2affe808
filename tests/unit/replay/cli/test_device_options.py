"""Device options, and the devices that they attach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitors.errors import GuestRefused
from monitors.manifest import (
    AttachedBlock,
    AttachedNet,
    DeviceType,
    Manifest,
    ManifestEntry,
    manifest_of,
)
from replay.cli import device_options as module
from replay.cli.device_options import (
    Attached,
    BadDeviceOption,
    DeviceOptions,
    attach,
    device_options,
    is_device_option,
)
from replay.devices.block import BlockImage
from replay.devices.tap import Interface
from replay.machine.errors import DeviceFailure

BLOCK, NET = DeviceType.BLOCK_BASIC, DeviceType.NET_BASIC
MANIFEST = manifest_of([("disk", BLOCK), ("wire", NET), ("tape", BLOCK)])
ONLY_DISK = manifest_of([("disk", BLOCK)])
ONLY_WIRE = manifest_of([("wire", NET)])


class Bench:
    """Images in a folder, and interfaces that are only names."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def image(self, name: str, size_bytes: int = 4096) -> str:
        path = self._folder / name
        path.touch()
        os.truncate(path, size_bytes)
        return str(path)

    def attach(self, manifest: Manifest, *words: str, overlay_all: bool = False) -> Attached:
        attached = attach(manifest, device_options(words, overlay_all=overlay_all))
        for store in attached.stores.values():
            self._stack.callback(store.close)
        return attached


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(module, "attach_tap", lambda name: Interface(name, 77, 1400))
    monkeypatch.setattr(module, "adopt_tap", lambda fd: Interface("adopted", fd, 1300))
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def refusal(bench: Bench, manifest: Manifest, *words: str) -> str:
    with pytest.raises(GuestRefused) as refused:
        bench.attach(manifest, *words)
    return str(refused.value)


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("--net:a=b", True),
        ("--block-overlay:a", True),
        ("--block:", True),
        ("--block:a=b=c\nd", True),
        ("--net=a", False),
        ("--block-overlay", False),
        ("--disk:a=b", False),
        ("-net:a=b", False),
    ],
)
def test_device_options_are_told_from_others(word: str, is_one: bool) -> None:
    assert is_device_option(word) == is_one


def test_all_kinds() -> None:
    words = ["--net:a=tap0", "--net-mac:a=x", "--block:b=f=g", "--block-sector-size:b=1"]
    assert device_options([*words, "--block-overlay:b"]) == DeviceOptions(
        {"a": "tap0"}, {"a": "x"}, {"b": "f=g"}, {"b": "1"}, frozenset("b")
    )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--block:", "'' is no device name"),
        ("--block:a-b=c", "'a-b' is no device name"),
        ("--block:ä=c", "is no device name"),
        (f"--net:{'n' * 68}=c", "has 67 characters at most"),
        ("--net:a", "a value is missing: --net:a=VALUE"),
        ("--net:a=", "a value is missing"),
        ("--block-overlay:a=b", "an overlay takes no value"),
    ],
)
def test_what_is_badly_written(word: str, message: str) -> None:
    with pytest.raises(BadDeviceOption) as refused:
        device_options([word])
    assert message in str(refused.value)
    assert str(refused.value).startswith(word)


def test_devices_are_the_guests_by_handle(bench: Bench) -> None:
    tape, disk = bench.image("tape", 8192), bench.image("disk", 512)
    attached = bench.attach(
        MANIFEST,
        f"--block:tape={tape}",
        "--net-mac:wire=02:00:00:00:00:aB",
        f"--block:disk={disk}",
        "--block-sector-size:tape=4096",
        "--net:wire=tap5",
    )
    assert attached.attachments == (
        AttachedBlock(1, "disk", 512, 512),
        AttachedNet(2, "wire", bytes.fromhex("0200000000ab"), 1400),
        AttachedBlock(3, "tape", 8192, 4096),
    )
    assert sorted(attached.stores) == [1, 3]
    assert attached.interfaces == {2: Interface("tap5", 77, 1400)}


def test_an_open_descriptor(bench: Bench) -> None:
    attached = bench.attach(ONLY_WIRE, "--net:wire=@12")
    assert attached.interfaces == {1: Interface("adopted", 12, 1300)}


@pytest.mark.parametrize("given", [(), ("--net-mac:wire=00:00:00:00:00:00",)])
def test_an_address_of_our_own(bench: Bench, given: tuple[str, ...]) -> None:
    """Local, not for many, and another one each time."""
    found = [bench.attach(ONLY_WIRE, "--net:wire=t", *given).attachments[0] for _ in range(2)]
    macs = [device.mac for device in found if isinstance(device, AttachedNet)]
    assert [mac[0] & 3 for mac in macs] == [2, 2]
    assert macs[0] != macs[1]


@pytest.mark.parametrize("mac", ["02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g", "x"])
def test_what_is_no_address(bench: Bench, mac: str) -> None:
    message = refusal(bench, ONLY_WIRE, "--net:wire=t", f"--net-mac:wire={mac}")
    assert "write it as 02:00:00:00:00:01" in message


@pytest.mark.parametrize(("given", "size"), [("512", 512), ("32768", 32768), ("66048", 512)])
def test_sector_sizes(bench: Bench, given: str, size: int) -> None:
    """Taken modulo 65536, as Solo5's tenders do."""
    image = bench.image("disk", 65536)
    options = (f"--block:disk={image}", f"--block-sector-size:disk={given}")
    assert bench.attach(ONLY_DISK, *options).stores[1].block_size == size


@pytest.mark.parametrize("given", ["256", "521", "0", "65536", "-512", "x", "0x200", "9" * 5000])
def test_wrong_sector_sizes(bench: Bench, given: str) -> None:
    options = (f"--block:disk={bench.image('disk')}", f"--block-sector-size:disk={given}")
    message = refusal(bench, ONLY_DISK, *options)
    assert "Block size must be a multiple of 2 greater than or equal 512" in message


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--block:disc=x", "no BLOCK_BASIC device 'disc' (it declares: disk, tape)"),
        ("--block:wire=x", "no BLOCK_BASIC device 'wire' (it declares: disk, tape)"),
        ("--block-sector-size:no=512", "no BLOCK_BASIC device 'no'"),
        ("--block-overlay:no", "no BLOCK_BASIC device 'no'"),
        ("--net:disk=tap0", "no NET_BASIC device 'disk' (it declares: wire)"),
        ("--net-mac:no=02:00:00:00:00:01", "no NET_BASIC device 'no'"),
    ],
)
def test_names_that_the_guest_does_not_declare(bench: Bench, word: str, message: str) -> None:
    assert message in refusal(bench, MANIFEST, word)


def test_a_guest_without_devices(bench: Bench) -> None:
    assert bench.attach(manifest_of([])) == Attached((), {}, {})
    assert "(it declares none)" in refusal(bench, manifest_of([]), "--net:a=b")


def test_each_missing_device_has_its_line(bench: Bench) -> None:
    image = bench.image("disk")
    assert refusal(bench, MANIFEST, f"--block:disk={image}").splitlines() == [
        "device wire (NET_BASIC) is not attached; attach it with --net:wire=TAP",
        "device tape (BLOCK_BASIC) is not attached; attach it with --block:tape=FILE",
        "all devices that a guest declares must be attached",
    ]


def test_a_device_of_a_type_that_nobody_knows(bench: Bench) -> None:
    manifest = Manifest((*ONLY_DISK.entries, ManifestEntry("odd", 0x99)))
    message = refusal(bench, manifest, f"--block:disk={bench.image('disk')}")
    assert "device odd (0x99) is not attached\n" in message


def test_a_missing_image(bench: Bench) -> None:
    with pytest.raises(DeviceFailure, match="cannot open /nowhere"):
        bench.attach(ONLY_DISK, "--block:disk=/nowhere")


def test_one_image_for_two_devices(bench: Bench) -> None:
    """What one writes would change under the other, unknown to the trace."""
    image = bench.image("both")
    manifest = manifest_of([("disk", BLOCK), ("tape", BLOCK)])
    words = [f"--block:{name}={image}" for name in ("disk", "tape")]
    with pytest.raises(DeviceFailure, match="both is locked"):
        bench.attach(manifest, *words)


@pytest.mark.parametrize(
    ("words", "overlay_all", "disk_changes", "tape_changes"),
    [
        ((), False, True, True),
        ((), True, False, False),
        (("--block-overlay:tape",), False, True, False),
    ],
)
def test_overlays_leave_images_alone(
    bench: Bench,
    words: tuple[str, ...],
    overlay_all: bool,
    disk_changes: bool,
    tape_changes: bool,
) -> None:
    disk, tape = bench.image("disk"), bench.image("tape")
    images = (f"--block:disk={disk}", f"--block:tape={tape}")
    attached = bench.attach(MANIFEST, *images, "--net:wire=t", *words, overlay_all=overlay_all)
    for store in attached.stores.values():
        store.write(0, b"changed")
        assert store.read(0, 7) == b"changed"
    changed = [Path(path).read_bytes().startswith(b"changed") for path in (disk, tape)]
    assert changed == [disk_changes, tape_changes]


def test_devices_are_given_back(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4096))
    for _ in range(2):  # it is locked while it is in use
        Attached((), {0: BlockImage(image)}, {}).close()


def test_adopted_interfaces_stay_open() -> None:
    ours, theirs = os.pipe()
    interfaces = {0: Interface("a", ours, 1500), 1: Interface("b", theirs, 1500)}
    Attached((), {}, interfaces, frozenset((1,))).close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(ours)
    os.fstat(theirs)
    os.close(theirs)
