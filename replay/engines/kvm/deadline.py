"""A limit to the time in KVM_RUN, without a thread that a busy host may not run in time.

A timer of the kernel sends this thread the signal that ``interruption`` opens inside KVM_RUN alone:
``timer_create`` with ``SIGEV_THREAD_ID``. Layouts: asm-generic/siginfo.h, struct sigevent;
linux/time_types.h, struct __kernel_itimerspec.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import threading
from collections.abc import Iterator

from replay.engines.kvm.interruption import SIGNAL

_TIMER_CREATE, _TIMER_SETTIME, _TIMER_DELETE = 222, 223, 226  # asm/unistd_64.h
_CLOCK_MONOTONIC = 1
_SIGEV_THREAD_ID = 4
_SIGEVENT = struct.Struct("<Q3i44x")
_TIMES = struct.Struct("<4q")
_NS = 1_000_000_000


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """After so many seconds inside, this thread gets ``SIGNAL``, which it must have blocked; raises
    OSError where the host has no such timer."""
    event = _SIGEVENT.pack(0, SIGNAL, _SIGEV_THREAD_ID, threading.get_native_id())
    timer = ctypes.c_int()
    _call(_TIMER_CREATE, _CLOCK_MONOTONIC, event, ctypes.byref(timer))
    try:
        whole, part = divmod(int(seconds * _NS), _NS)
        _call(_TIMER_SETTIME, timer, 0, _TIMES.pack(0, 0, whole, part), None)
        yield
    finally:
        _call(_TIMER_DELETE, timer)


def _call(number: int, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
