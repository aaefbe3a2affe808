"""ptrace(2) for one process of one thread, by ctypes.

Every call must come from the thread that the process was started by: Linux refuses others. Layouts:
Linux, sys/user.h and asm/ptrace.h, x86-64.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from replay.engines.errors import EngineFailure

REGISTER_NAMES = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx"),
    *("rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fs_base", "gs_base"),
    *("ds", "es", "fs", "gs"),
)
"""The words of ``struct user_regs_struct`` in order, ``eflags`` by its 64-bit name."""

INDEX = {name: index for index, name in enumerate(REGISTER_NAMES)}
RAX, RDX, ORIG_RAX, RIP = INDEX["rax"], INDEX["rdx"], INDEX["orig_rax"], INDEX["rip"]
NO_SYSTEM_CALL = (1 << 64) - 1
"""In ``orig_rax``: the kernel has no interrupted system call to restart."""

FLOATING_BYTES = 512
"""The size of ``struct user_fpregs_struct``, which is an FXSAVE image."""

_GETREGS, _SETREGS, _GETFPREGS, _SETFPREGS = 12, 13, 14, 15
_SETOPTIONS, _GETSIGINFO = 0x4200, 0x4202
_PEEKUSER, _POKEUSER = 3, 6
_EXIT_KILL, _TRACE_SECCOMP = 1 << 20, 1 << 7
CONTINUE, SINGLE_STEP = 7, 9
_DEBUG_REGISTERS = 848  # offsetof(struct user, u_debugreg)
_WAIT_ALL = 0x40000000
_STOPPED = 0x7F
_ASKED = signal.SIGTRAP | 7 << 8  # PTRACE_EVENT_SECCOMP
_SIGINFO_BYTES = 128
_SIGINFO = struct.Struct("<iii4xQ")  # si_signo, si_errno, si_code, si_addr


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """Why the kernel sent a signal: ``siginfo_t``, as far as faults use it.

    For SIGSYS ``address`` is behind the system call instruction.
    """

    number: int
    code: int
    address: int


class Tracee:
    """A traced process. ``registers`` are its words as of the last ``fetch``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._words = (ctypes.c_uint64 * len(REGISTER_NAMES))()
        self.registers = memoryview(self._words).cast("B").cast("Q")
        self._words_at = ctypes.addressof(self._words)
        self._floating = (ctypes.c_ubyte * FLOATING_BYTES)()
        self._siginfo = (ctypes.c_ubyte * _SIGINFO_BYTES)()
        self._ptrace = _ptrace_function()

    def adopt(self) -> None:
        """Let the kernel kill the process when this one ends, however it ends, and stop it where
        its filter asks about a system call."""
        self._request(_SETOPTIONS, None, _EXIT_KILL | _TRACE_SECCOMP)

    def fetch(self) -> memoryview:
        """Read all general registers; returns ``registers``."""
        self._request(_GETREGS, None, self._words_at)
        return self.registers

    def store(self) -> None:
        """Write ``registers`` back."""
        self._request(_SETREGS, None, self._words_at)

    def floating(self) -> bytes:
        """The x87 and SSE state: an FXSAVE image."""
        self._request(_GETFPREGS, None, ctypes.addressof(self._floating))
        return bytes(self._floating)

    def set_floating(self, image: bytes) -> None:
        """Change the x87 and SSE state; OSError for an invalid MXCSR."""
        ctypes.memmove(self._floating, image, FLOATING_BYTES)
        self._request(_SETFPREGS, None, ctypes.addressof(self._floating))

    def debug_register(self, number: int) -> int:
        """The hardware's debug register ``number``."""
        self._check_number(number)
        ctypes.set_errno(0)
        value = self._ptrace(_PEEKUSER, self.pid, _DEBUG_REGISTERS + 8 * number, self._words_at)
        # The library's wrapper stores the word and returns it; all of them are valid.
        return int(value) & NO_SYSTEM_CALL

    def set_debug_register(self, number: int, value: int) -> None:
        """Change a debug register; OSError for an address outside user space."""
        self._check_number(number)
        self._request(_POKEUSER, _DEBUG_REGISTERS + 8 * number, value)

    def signal_info(self) -> SignalInfo:
        """What is known about the signal that stopped the process."""
        self._request(_GETSIGINFO, None, ctypes.addressof(self._siginfo))
        number, _, code, address = _SIGINFO.unpack_from(self._siginfo)
        return SignalInfo(number, code, address)

    def resume(self, how: int = CONTINUE) -> None:
        """Let the process run (``CONTINUE``) or execute one instruction (``SINGLE_STEP``), without
        the signal that stopped it."""
        self._request(how, None, None)

    def wait(self) -> int:
        """Wait until the process stops; returns the signal's number.

        Raises EngineFailure when it has ended instead, or its filter asks about a system call.
        """
        number = self._wait()
        if number == _ASKED:
            raise EngineFailure(
                "the guest has jumped to where the engine makes its own system calls in the "
                "guest's process; --engine unicorn has no such place"
            )
        return number

    def wait_own_call(self) -> int:
        """Wait as ``wait`` does, and let the process make one system call that its filter asks
        about: it is the engine's own."""
        number = self._wait()
        if number == _ASKED:
            self.resume(CONTINUE)
            number = self.wait()
        return number

    def _wait(self) -> int:
        _, status = os.waitpid(self.pid, _WAIT_ALL)
        if status & 0xFF != _STOPPED:
            raise EngineFailure(f"the guest's process has ended: {_ending(status)}")
        return status >> 8

    def _request(self, request: int, address: int | None, data: int | None) -> None:
        if self._ptrace(request, self.pid, address, data) == -1:
            number = ctypes.get_errno()
            if number == errno.ESRCH:
                raise EngineFailure(self._why_lost())
            raise OSError(number, os.strerror(number), f"ptrace request {request:#x}")

    def _why_lost(self) -> str:
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, _WAIT_ALL | os.WNOHANG)
            if pid and status & 0xFF != _STOPPED:
                return f"the guest's process has ended: {_ending(status)}"
        return "this is not the thread that started the guest's process, or it has ended"

    @staticmethod
    def _check_number(number: int) -> None:
        assert 0 <= number < 8, number


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


@cache
def _ptrace_function() -> Any:
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.restype = ctypes.c_long
    function.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    return function
