"""The memory shared with the agent, from the monitor's side."""

from __future__ import annotations

import mmap
import os
import weakref

from replay.engines.errors import EngineFailure
from replay.engines.native.layout import (
    CONSOLE_AT,
    CONSOLE_BYTES,
    DEVICES_MAX,
    NO_DESCRIPTOR,
    RECORDED_AT,
    SHARED_BYTES,
    SLOT_BYTES,
    SLOTS,
    SLOTS_AT,
    Control,
)

_U64 = 1 << 64


class SharedMemory:
    """One file of memory; ``control`` is its first part as words."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("solo5-agent", os.MFD_CLOEXEC)
        self._close_fd = weakref.finalize(self, os.close, self.fd)
        os.ftruncate(self.fd, SHARED_BYTES)
        self._map = mmap.mmap(self.fd, SHARED_BYTES)
        self.control = Control.from_buffer(self._map)
        for handle in range(DEVICES_MAX):
            self.control.nets[handle] = NO_DESCRIPTOR
            self.control.blocks[handle].fd = NO_DESCRIPTOR
        self.control.stop_fd = NO_DESCRIPTOR

    def slot(self, sequence: int, start: int, length: int) -> bytes:
        """Bytes ``[start, length)`` of the slot with a sequence number."""
        at = SLOTS_AT + sequence % SLOTS * SLOT_BYTES
        return self._map[at + start : at + length]

    def put_recorded(self, payload: bytes, offset: int) -> None:
        """Give a replaying agent the events of ``payload`` from ``offset`` on."""
        assert len(payload) <= SLOT_BYTES, len(payload)
        self._map[RECORDED_AT + offset : RECORDED_AT + len(payload)] = payload[offset:]
        self.control.in_at, self.control.in_end = offset, len(payload)

    def take_console(self) -> bytes:
        """What the guest has printed since the last time, in a replay."""
        read, write = self.control.console_read, self.control.console_write
        length = (write - read) % _U64
        if length > CONSOLE_BYTES:
            raise EngineFailure("the guest has changed the agent's memory: its console is broken")
        start = read % CONSOLE_BYTES
        first = min(length, CONSOLE_BYTES - start)
        data = self._map[CONSOLE_AT + start : CONSOLE_AT + start + first]
        data += self._map[CONSOLE_AT : CONSOLE_AT + length - first]
        self.control.console_read = write
        return data

    def close_file(self) -> None:
        """Give the descriptor back; the memory stays until nobody uses it. Twice does no harm."""
        self._close_fd()
