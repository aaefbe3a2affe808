"""One Unicorn processor, and the raw calls that its Python binding lacks or makes slow."""

from __future__ import annotations

import ctypes
import mmap
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import unicorn
from unicorn import unicorn_const as uc_const
from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

from replay.engines.errors import EngineFailure, EngineUnavailable, NotReproducible
from replay.engines.unicorn import registers
from replay.engines.unicorn.callbacks import Callbacks, State

# Room for TRANSLATED_MAX (_hooks.c) instructions; most take less than 300 bytes.
_TRANSLATIONS_BYTES = 512 << 20
_OTHER_BYTES = 32 << 20
_U64_MAX = (1 << 64) - 1
_TABLES = {
    "gdtr": registers.GDTR_ID,
    "idtr": registers.IDTR_ID,
    "ldtr": registers.LDTR_ID,
    "tr": registers.TR_ID,
}
_NO_PAGE_TABLES = 0xFF_FFFF_F000  # the last page that 40 bits of physical address reach


class Instance:
    """Owns a Unicorn handle."""

    library = uclib

    def __init__(self) -> None:
        _check_room()
        self.uc = unicorn.Uc(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
        self.uc.ctl_set_tcg_buffer_size(_TRANSLATIONS_BYTES)
        # Westmere has every instruction of the virtual CPU and no RDRAND, which no hook can catch.
        self.uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_WESTMERE)
        # An end address would be probed at every start, which leaves an exception pending.
        self.uc.ctl_exits_enabled(True)
        self._handle = self.uc._uch  # noqa: SLF001 (raw calls need the handle)
        self._release = self.uc._Uc__finalizer  # noqa: SLF001 (nothing else closes at once)
        self._closing = threading.Lock()
        self._stops_anywhere = True
        self._value = (ctypes.c_uint64 * 2)()  # Unicorn takes as much of it as a register has
        self._value_pointer = ctypes.byref(self._value)

    def use(self, callbacks: Callbacks, state: State) -> None:
        """Start with these callbacks and this note pad from now on."""
        self._start, self._state = callbacks.start, state
        self._state_pointer = ctypes.byref(state)

    def start(self, pc: int) -> int:
        """Emulate from ``pc`` to the next stop; returns Unicorn's error number. The state then
        holds RIP, RAX and RDX."""
        error: int = self._start(self._handle, pc, self._state_pointer)
        if error < 0:
            self._give_up(pc)
        return error

    def _give_up(self, pc: int) -> None:
        """Unicorn is in no state to be closed; the operating system has to clean up behind it."""
        self._release.detach()
        self._start = _fail
        number = signal.Signals(self._state.crashed).name
        raise NotReproducible(
            pc,
            "(code from here on)",
            f"Unicorn itself broke down on it ({number})",
            "a Solo5 guest has no use for such code: look for stray jumps or damaged code",
        )

    def stop(self) -> None:
        """Ask the emulator to stop, if it may anywhere; from any thread, even after ``close``."""
        with self._closing:
            if self._release.alive and self._stops_anywhere:
                uclib.uc_emu_stop(self._handle)

    def stop_anywhere(self, *, yes: bool) -> None:
        """Whether ``stop`` may stop where it would not be known what has been executed."""
        with self._closing:
            self._stops_anywhere = yes

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

    def table(self, name: str) -> tuple[int, int, int]:
        """Selector, base and limit of ``gdtr``, ``idtr``, ``ldtr`` or ``tr``."""
        selector, base, limit, _flags = self.uc.reg_read(_TABLES[name])
        return selector, base, limit

    def hook(
        self, kind: int, callback: Any, state: State, place: int | tuple[int, int] | None
    ) -> int:
        """``uc_hook_add`` with a raw function, which the binding's own method does not take; for
        the code at ``place``, the memory from its first to its second address, or everywhere."""
        everywhere = (1, 0)
        begin, end = (place, place) if isinstance(place, int) else place or everywhere
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

    def unhook(self, hooks: Iterable[int]) -> None:
        """Take hooks away again, and forget all translations, which may call them."""
        with self.without_page_tables():
            for hook in hooks:
                uclib.uc_hook_del(self._handle, ctypes.c_size_t(hook))
        self.uc.ctl_flush_tb()

    @contextmanager
    def without_page_tables(self) -> Iterator[None]:
        """For calls in which Unicorn looks up addresses through the guest's page tables.

        A lookup leaves marks there and in CR2; so it is shown page tables that lie where no memory
        is.
        """
        cr2, cr3 = self.get("cr2"), self.get("cr3")
        self.set("cr3", _NO_PAGE_TABLES)
        try:
            yield
        finally:
            self.set("cr3", cr3)
            self.set("cr2", cr2)


def _check_room() -> None:
    """Unicorn ends the process when it cannot have its buffer."""
    try:
        mmap.mmap(
            -1,
            _TRANSLATIONS_BYTES + _OTHER_BYTES,
            flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC,
        ).close()
    except OSError as error:
        mib = _TRANSLATIONS_BYTES + _OTHER_BYTES >> 20
        raise EngineUnavailable(
            "unicorn",
            f"it needs {mib} MiB of address space for translated code: {error.strerror}",
            "raise the limit (ulimit -v), or close other machines",
        ) from error


def _fail(_handle: object, _pc: int, _state: object) -> int:
    """In place of a start that can no longer be dared."""
    return -1
