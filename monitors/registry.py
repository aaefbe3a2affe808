"""Which monitor serves which target: the one place that knows all of them.

A target's package is imported when a guest of that target turns up, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitors.errors import GuestRefused
from monitors.manifest import Attachment
from monitors.ports import GuestImage, Monitor


def monitor_for(image: GuestImage, attachments: Sequence[Attachment] = ()) -> Monitor:
    """The monitor for a guest and its devices; GuestRefused when there is none for its target."""
    make = MONITORS.get(image.target)
    if make is None:
        served = ", ".join(MONITORS)
        raise GuestRefused(
            f"guests of target {image.target} cannot be run",
            hint=f"build the guest for one of: {served}",
        )
    return make(image, attachments)


def _hvt(image: GuestImage, attachments: Sequence[Attachment]) -> Monitor:
    from monitors.hvt.abi import HVT_ABI_VERSION
    from monitors.hvt.monitor import HvtMonitor

    _check_version(image, HVT_ABI_VERSION)
    return HvtMonitor(image.manifest, attachments)


def _spt(image: GuestImage, attachments: Sequence[Attachment]) -> Monitor:
    from monitors.spt.abi import SPT_ABI_VERSION
    from monitors.spt.monitor import SptMonitor

    _check_version(image, SPT_ABI_VERSION)
    return SptMonitor(image, attachments)


def _check_version(image: GuestImage, served: int) -> None:
    """Both targets have had version 2 since Solo5 v0.8."""
    if image.abi_version != served:
        old = image.abi_version < served
        raise GuestRefused(
            f"{image.target} guest of ABI version {image.abi_version}, not {served}",
            hint="rebuild it with Solo5 v0.8 to v0.12" if old else "this guest is too new",
        )


MONITORS: dict[str, Callable[[GuestImage, Sequence[Attachment]], Monitor]] = {
    "hvt": _hvt,
    "spt": _spt,
}
