from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitors.manifest import MFT_MAX_ENTRIES
from monitors.spt import abi

HEADER = Path(__file__).parents[4] / "guest/include/spt_abi.h"


def test_boot_info_has_40_bytes():
    assert abi.BOOT_INFO.size == 40


@pytest.mark.parametrize("name", [name for name in vars(abi) if name.startswith("SPT_")])
def test_constants_agree_with_the_guests_header(name):
    found = re.search(rf"{name}\s+(0x[0-9a-fA-F]+|\d+)", HEADER.read_text())
    assert found is not None
    assert int(found[1], 0) == getattr(abi, name)


def test_every_descriptor_is_another_and_none_is_a_standard_one():
    devices = [abi.device_fd(handle) for handle in range(MFT_MAX_ENTRIES)]
    assert len({*devices, abi.EPOLL_FD, abi.TIMER_FD}) == MFT_MAX_ENTRIES + 2
    assert min(*devices, abi.EPOLL_FD, abi.TIMER_FD) > 2
    assert max(devices) < min(abi.EPOLL_FD, abi.TIMER_FD)
