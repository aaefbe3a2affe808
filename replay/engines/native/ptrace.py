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
from collections.abc import Collection
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
RAX, RCX, RDX = INDEX["rax"], INDEX["rcx"], INDEX["rdx"]
ORIG_RAX, RIP = INDEX["orig_rax"], INDEX["rip"]
NO_SYSTEM_CALL = (1 << 64) - 1
"""In ``orig_rax``: the kernel has no interrupted system call to restart."""

FLOATING_BYTES = 512
"""The size of ``struct user_fpregs_struct``, which is an FXSAVE image."""

_GETREGS, _SETREGS, _GETFPREGS, _SETFPREGS = 12, 13, 14, 15
_SETOPTIONS, _GETSIGINFO = 0x4200, 0x4202
_PEEKUSER, _POKEUSER = 3, 6
_SETREGSET, _PRSTATUS = 0x4205, 1
_EXIT_KILL, _TRACE_SECCOMP = 1 << 20, 1 << 7
CONTINUE, SINGLE_STEP = 7, 9
_DEBUG_REGISTERS = 848  # offsetof(struct user, u_debugreg)
_RIP_AT = 8 * RIP  # offsetof(struct user, regs.rip)
_NEAR_BYTES = _RIP_AT + 8
_WAIT_ALL = 0x40000000
_STOPPED = 0x7F
_ASKED_STATUS = (signal.SIGTRAP | 7 << 8) << 8 | _STOPPED  # PTRACE_EVENT_SECCOMP
_SIGINFO_BYTES = 128
_SIGTRAP = signal.SIGTRAP.value
_waitpid = os.waitpid
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
    """A traced process. ``registers`` are its words as of the last ``fetch`` or ``run``.

    ``traps`` are places where RIP can only be because the instruction before it was a breakpoint.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.traps: Collection[int] = frozenset()
        self._words = (ctypes.c_uint64 * len(REGISTER_NAMES))()
        self.registers = memoryview(self._words).cast("B").cast("Q")
        self._floating = (ctypes.c_ubyte * FLOATING_BYTES)()
        self._siginfo = (ctypes.c_ubyte * _SIGINFO_BYTES)()
        self._rip = ctypes.c_uint64()
        # What a request takes is made once: ctypes converts it anew for every call else.
        self._words_at = ctypes.byref(self._words)
        self._floating_at = ctypes.byref(self._floating)
        self._siginfo_at = ctypes.byref(self._siginfo)
        self._near = (ctypes.c_uint64 * 2)(ctypes.addressof(self._words), _NEAR_BYTES)
        self._near_at = ctypes.byref(self._near)
        self._ptrace, self._quick, self._resume = _ptrace_functions()

    def adopt(self) -> None:
        """Let the kernel kill the process when this one ends, however it ends, and stop it where
        its filter asks about a system call."""
        self._request(_SETOPTIONS, ctypes.c_void_p(_EXIT_KILL | _TRACE_SECCOMP))

    def fetch(self) -> memoryview:
        """Read all general registers; returns ``registers``."""
        self._request(_GETREGS, self._words_at)
        return self.registers

    def store(self) -> None:
        """Write ``registers`` back."""
        if self._ptrace(_SETREGS, self.pid, None, self._words_at):
            raise self._failure(_SETREGS)

    def store_near(self) -> None:
        """Write ``registers`` back as far as RIP, which takes less time; the others are flags,
        selectors, their bases and RSP."""
        if self._quick(_SETREGSET, self.pid, _PRSTATUS, self._near_at):
            self._request(_SETREGSET, self._near_at, _PRSTATUS)

    def store_rip(self) -> None:
        """Write back RIP alone, which takes half the time."""
        self._rip.value = self.registers[RIP]
        if self._ptrace(_POKEUSER, self.pid, _RIP_AT, self._rip):
            raise self._failure(_POKEUSER)

    def floating(self) -> bytes:
        """The x87 and SSE state: an FXSAVE image."""
        self._request(_GETFPREGS, self._floating_at)
        return bytes(self._floating)

    def set_floating(self, image: bytes) -> None:
        """Change the x87 and SSE state; OSError for an invalid MXCSR."""
        ctypes.memmove(self._floating, image, FLOATING_BYTES)
        self._request(_SETFPREGS, self._floating_at)

    def debug_register(self, number: int) -> int:
        """The hardware's debug register ``number``."""
        place = _place_of(number)
        ctypes.set_errno(0)
        # The library's wrapper stores the word and returns it; all of them are valid.
        value = self._ptrace(_PEEKUSER, self.pid, place, self._words_at)
        return int(value) & NO_SYSTEM_CALL

    def set_debug_register(self, number: int, value: int) -> None:
        """Change a debug register; OSError for an address outside user space."""
        self._request(_POKEUSER, ctypes.c_void_p(value), _place_of(number))

    def signal_info(self) -> SignalInfo:
        """What is known about the signal that stopped the process."""
        self._request(_GETSIGINFO, self._siginfo_at)
        number, _, code, address = _SIGINFO.unpack_from(self._siginfo)
        return SignalInfo(number, code, address)

    def run(self, how: int) -> int:
        """``resume``, ``wait`` and ``fetch`` at once, as every stop of a guest needs them.

        A process on the processor of this thread runs as soon as it may, and as a rule has stopped
        again when that request returns: then its registers can be had, and where it is in one of
        ``traps`` there is no need to ask why it has stopped.
        """
        pid = self.pid
        if self._resume(how, pid, None, None):
            self._request(how)
        is_stopped = not self._quick(_GETREGS, pid, None, self._words_at)
        if is_stopped and self.registers[RIP] in self.traps:
            return _SIGTRAP
        _, status = _waitpid(pid, _WAIT_ALL)
        if status & 0xFF != _STOPPED or status == _ASKED_STATUS:
            raise _no_stop(status)
        if not is_stopped:
            self._request(_GETREGS, self._words_at)
        return status >> 8

    def resume(self, how: int = CONTINUE) -> None:
        """Let the process run (``CONTINUE``) or execute one instruction (``SINGLE_STEP``), without
        the signal that stopped it."""
        self._request(how)

    def wait(self) -> int:
        """Wait until the process stops; returns the signal's number.

        Raises EngineFailure when it has ended instead, or its filter asks about a system call.
        """
        _, status = os.waitpid(self.pid, _WAIT_ALL)
        if status & 0xFF != _STOPPED or status == _ASKED_STATUS:
            raise _no_stop(status)
        return status >> 8

    def wait_own_call(self) -> int:
        """Wait as ``wait`` does, and let the process make one system call that its filter asks
        about: it is the engine's own."""
        _, status = os.waitpid(self.pid, _WAIT_ALL)
        if status == _ASKED_STATUS:
            self.resume(CONTINUE)
            return self.wait()
        if status & 0xFF != _STOPPED:
            raise _no_stop(status)
        return status >> 8

    def _request(self, request: int, data: Any = None, place: Any = None) -> None:
        if self._ptrace(request, self.pid, place, data):
            raise self._failure(request)

    def _failure(self, request: int) -> Exception:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            return EngineFailure(self._why_lost())
        return OSError(number, os.strerror(number), f"ptrace request {request:#x}")

    def _why_lost(self) -> str:
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, _WAIT_ALL | os.WNOHANG)
            if pid and status & 0xFF != _STOPPED:
                return f"the guest's process has ended: {_ending(status)}"
        return "this is not the thread that started the guest's process, or it has ended"


def _place_of(number: int) -> ctypes.c_void_p:
    """Where ``struct user`` has debug register ``number``."""
    assert 0 <= number < 8, number
    return ctypes.c_void_p(_DEBUG_REGISTERS + 8 * number)


def _no_stop(status: int) -> EngineFailure:
    """What it means when waiting ends with no signal of the process."""
    if status == _ASKED_STATUS:
        return EngineFailure(
            "the guest has jumped to where the engine makes its own system calls in the guest's "
            "process; --engine unicorn has no such place"
        )
    return EngineFailure(f"the guest's process has ended: {_ending(status)}")


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


@cache
def _ptrace_functions() -> tuple[Any, Any, Any]:
    """One that says why it fails, and two that take less time. The second is for requests that are
    over at once, and keeps other threads of Python waiting; the third lets the process run, which
    it may do on this thread's processor before the request returns."""
    explaining = ctypes.CDLL(None, use_errno=True).ptrace
    quick, resume = ctypes.PyDLL(None).ptrace, ctypes.CDLL(None).ptrace
    # No argtypes: they would cost a third of a microsecond a call. What is wider than a C int must
    # therefore come as a ctypes object; None is a null pointer.
    explaining.restype = quick.restype = resume.restype = ctypes.c_long
    return explaining, quick, resume
