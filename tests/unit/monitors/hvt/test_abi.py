from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitors.hvt import abi

HEADER = Path(__file__).parents[4] / "guest/include/hvt_abi.h"


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (abi.BOOT_INFO, 56),
        (abi.WALLTIME, 8),
        (abi.PUTS, 16),
        (abi.POLL, 24),
        (abi.BLOCK, 40),
        (abi.NET, 32),
        (abi.HALT, 16),
    ],
)
def test_structure_sizes(layout, size):
    assert layout.size == size


def test_answers_lie_at_the_end_of_their_structures():
    assert abi.POLL_ANSWER_AT + abi.POLL_ANSWER.size == abi.POLL.size - 4
    assert abi.BLOCK_RET_AT + abi.RET.size == abi.BLOCK.size - 4
    assert abi.NET_RET_AT + abi.RET.size == abi.NET.size - 4
    assert abi.NET_LEN_AT + abi.NET_READ_ANSWER.size == abi.NET_RET_AT + abi.RET.size


@pytest.mark.parametrize(
    "name",
    ["HVT_ABI_VERSION", "HVT_HYPERCALL_PIO_BASE", "HVT_CMDLINE_SIZE", "HVT_HALT_COOKIE_MAX"],
)
def test_constants_agree_with_the_guests_header(name):
    found = re.search(rf"{name}\s*=?\s*(0x[0-9a-fA-F]+|\d+)", HEADER.read_text())
    assert found is not None
    assert int(found[1], 0) == getattr(abi, name)


def test_numbers_are_dense():
    assert [*abi.Hypercall] == [*range(1, abi.HVT_HYPERCALL_MAX)]
