"""One Unicorn processor, and the raw calls that its Python binding lacks or makes slow."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import unicorn
from unicorn import unicorn_const as uc_const
from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

from replay.engines.errors import EngineFailure
from replay.engines.unicorn import registers

# Unicorn takes 1 GiB by default, which a guest that keeps changing its code would fill up.
_TRANSLATIONS_BYTES = 128 << 20
_U64_MAX = (1 << 64) - 1

_emu_start = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_size_t,
)(("uc_emu_start", uclib))


class Instance:
    """Owns a Unicorn handle; ``pc`` is where the last start came to a stop."""

    library = uclib

    def __init__(self) -> None:
        self.uc = unicorn.Uc(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
        self.uc.ctl_set_tcg_buffer_size(_TRANSLATIONS_BYTES)
        # Westmere has every instruction of the virtual CPU and no RDRAND, which no hook can catch.
        self.uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_WESTMERE)
        # An end address would be probed at every start, which leaves an exception pending.
        self.uc.ctl_exits_enabled(True)
        self.pc = 0
        self._handle = self.uc._uch  # noqa: SLF001 (raw calls need the handle)
        self._release = self.uc._Uc__finalizer  # noqa: SLF001 (nothing else closes at once)
        self._closing = threading.Lock()
        self._value = (ctypes.c_uint64 * 2)()  # Unicorn takes as much of it as a register has
        self._value_pointer = ctypes.byref(self._value)

    def start(self, pc: int) -> int:
        """Emulate from ``pc`` to the next stop; returns Unicorn's error number."""
        error: int = _emu_start(self._handle, pc, 0, 0, 0)
        uclib.uc_reg_read(self._handle, registers.RIP_ID, self._value_pointer)
        self.pc = self._value[0]
        return error

    def stop(self) -> None:
        """Ask the emulator to stop; from any thread, even after ``close``."""
        with self._closing:
            if self._release.alive:
                uclib.uc_emu_stop(self._handle)

    def close(self) -> None:
        """Free everything that Unicorn holds."""
        with self._closing:
            self._release()

    def get(self, name: str) -> int:
        """The register ``name``, of 64 bits at most."""
        self._value[0] = 0
        uclib.uc_reg_read(self._handle, registers.UNICORN_ID[name], self._value_pointer)
        return self._value[0]

    def set(self, name: str, value: int) -> None:
        """Change the register ``name``, of 128 bits at most."""
        self._value[0] = value & _U64_MAX
        self._value[1] = value >> 64
        uclib.uc_reg_write(self._handle, registers.UNICORN_ID[name], self._value_pointer)

    def hook(self, kind: int, callback: Any, state: ctypes.Structure, place: int | None) -> int:
        """``uc_hook_add`` with a raw function, which the binding's own method does not take; for
        the code at ``place``, or everywhere."""
        begin, end = (1, 0) if place is None else (place, place)
        hook = ctypes.c_size_t()
        error = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(hook),
            ctypes.c_int(kind),
            ctypes.cast(callback, ctypes.c_void_p),
            ctypes.c_void_p(ctypes.addressof(state)),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if error:
            raise EngineFailure(f"Unicorn refused a hook: {unicorn.UcError(error)}")
        return hook.value

    def unhook(self, hook: int) -> None:
        """Take a hook away again."""
        uclib.uc_hook_del(self._handle, ctypes.c_size_t(hook))
