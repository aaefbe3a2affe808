from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from monitors.errors import GuestRefused
from monitors.manifest import Manifest
from monitors.ports import GuestImage
from monitors.registry import monitor_for

IMAGE = GuestImage("hvt", 2, Manifest(), 0x100020, (), (), 0)


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_targets_that_are_served(target):
    assert monitor_for(replace(IMAGE, target=target)).name == target


@pytest.mark.parametrize("target", ["virtio", "muen", "xen", "genode", "unknown"])
def test_other_targets_are_refused_by_name(target):
    with pytest.raises(GuestRefused, match=f"target {target}") as caught:
        monitor_for(replace(IMAGE, target=target))
    assert "hvt, spt" in caught.value.hint


@pytest.mark.parametrize("target", ["hvt", "spt"])
@pytest.mark.parametrize(("version", "hint"), [(0, "rebuild"), (1, "rebuild"), (3, "too new")])
def test_other_versions_are_refused(target, version, hint):
    with pytest.raises(GuestRefused, match=f"{target} guest of ABI version {version}") as caught:
        monitor_for(replace(IMAGE, target=target, abi_version=version))
    assert hint in caught.value.hint


def test_targets_are_imported_only_when_needed():
    code = (
        "import sys, monitors.registry\n"
        "loaded = [m for m in sys.modules if m.startswith(('monitors.hvt.', 'monitors.spt.'))]\n"
        "heavy = [m for m in ('elftools', 'unicorn') if m in sys.modules]\n"
        "print(loaded + heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
