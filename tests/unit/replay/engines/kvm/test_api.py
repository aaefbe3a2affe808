"""The sizes in ioctl numbers are those of the layouts: bits 16 to 29 (linux/ioctl.h)."""

from __future__ import annotations

import os
import struct

import pytest

from replay.engines.kvm import api


@pytest.mark.parametrize(
    ("number", "size"),
    [
        (api.GET_XSAVE, api.XSAVE_BYTES),
        (api.SET_XSAVE, api.XSAVE_BYTES),
        (api.GET_XSAVE2, api.XSAVE_BYTES),
        (api.SET_GUEST_DEBUG, api.GUEST_DEBUG.size),
        (api.SET_USER_MEMORY_REGION, api.MEMORY_REGION.size),
        (api.GET_DIRTY_LOG, api.DIRTY_LOG.size),
        (api.ENABLE_CAP, api.ENABLE.size),
        (api.SET_MSR_FILTER, 8 + api.MSR_RANGES_MAX * api.MSR_RANGE.size),
        (api.GET_MSRS, 8),
        (api.SET_MSRS, 8),
        (api.SET_CPUID2, 8),
        (api.SET_SIGNAL_MASK, 4),
    ],
)
def test_sizes(number: int, size: int) -> None:
    assert number >> 16 & 0x3FFF == size
    assert number >> 8 & 0xFF == 0xAE


def test_the_shared_page_has_its_parts_in_order() -> None:
    assert api.REGS_AT + api.REGS.size == api.SREGS_AT
    assert api.SREGS_AT + api.SREGS_BYTES == api.EVENTS_AT
    assert len(api.SEGMENTS) * api.SEGMENT.size == api.GDT_AT
    assert api.IDT_AT + api.TABLE.size == api.CONTROL_AT
    assert len(api.GENERAL) * 8 == api.REGS.size
    assert len(api.CONTROL_NAMES) * 8 == api.CONTROL.size


def test_sets_of_signals() -> None:
    assert api.sigset(1 << 63) == struct.pack("<IQ", 8, 1 << 63)


def test_buffers_have_addresses() -> None:
    buffer = bytearray(16)
    assert api.address_of(buffer) == api.address_of(buffer) != 0


def test_closing_what_is_closed() -> None:
    fd = os.open(os.devnull, os.O_RDONLY)
    api.close(fd)
    api.close(fd)
