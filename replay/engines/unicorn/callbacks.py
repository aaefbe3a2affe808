"""The callbacks that note why a guest should stop, compiled or in Python.

``_hooks.c`` holds the fast ones, ``_PythonCallbacks`` the same logic for hosts where that could not
be compiled: slower, with the same stops at the same instructions. Both write one ``State``.
"""

from __future__ import annotations

import ctypes
import enum
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from replay.engines.ram import GuestRam
from replay.engines.sites import may_hold_site
from replay.engines.unicorn import registers

VETTED_SLOTS = 1 << 15
_TRANSLATED_MAX = 450_000
_NOTED = ("rip", "rax", "rdx")
NOWHERE = 1 << 63
"""No address of an instruction (``NOWHERE`` of _hooks.c)."""

PURE_PYTHON_VARIABLE = "SOLO5_REPLAY_PURE_PYTHON"
"""Set to anything non-empty, this environment variable keeps the compiled callbacks out."""


class Reason(enum.IntEnum):
    """Why a callback stopped the guest (``enum reason`` of _hooks.c)."""

    NONE = 0
    SITE = 1
    VET = 2
    EXCEPTION = 3
    INVALID = 4
    MEMORY = 5
    TARGET = 6
    FULL = 7


class _Vetted(ctypes.Structure):
    _fields_ = (("pc", ctypes.c_uint64), ("fingerprint", ctypes.c_uint64))


class State(ctypes.Structure):
    """``struct state`` of _hooks.c: the note that a callback leaves."""

    _fields_ = (
        ("reason", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("detail", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("target", ctypes.c_uint64),
        ("last_counted", ctypes.c_uint64),
        ("passed_site", ctypes.c_uint64),
        ("passed_entry", ctypes.c_uint64),
        ("flat_cr3", ctypes.c_uint64),
        ("ram", ctypes.c_void_p),
        ("ram_bytes", ctypes.c_uint64),
        ("vetted", ctypes.POINTER(_Vetted)),
        ("code_pages", ctypes.c_void_p),
        ("emu_stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("cr3_id", ctypes.c_int64),
        ("flags_id", ctypes.c_int64),
        ("hooked_at", ctypes.c_uint64),
        ("hooked_flags", ctypes.c_uint64),
        ("emu_start", ctypes.c_void_p),
        ("translated", ctypes.c_uint64),
        ("crashed", ctypes.c_uint64),
        ("noted_ids", ctypes.c_int64 * 3),
        ("rip", ctypes.c_uint64),
        ("rax", ctypes.c_uint64),
        ("rdx", ctypes.c_uint64),
    )


class TranslatedBlock(ctypes.Structure):
    """``uc_tb`` of unicorn.h."""

    _fields_ = (
        ("pc", ctypes.c_uint64),
        ("instructions", ctypes.c_uint16),
        ("bytes", ctypes.c_uint16),
    )


_EMU_START = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_size_t,
)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Addresses for ``uc_hook_add``, the function that remembers a vetted block, and the one that
    starts Unicorn: ``start(handle, pc, state)`` returns its error number, and -1 after a crash."""

    compiled: bool
    site: Any
    edge: Any
    entry: Any
    count: Any
    exception: Any
    invalid: Any
    memory: Any
    start: Any
    mark_vetted: Callable[[int, int], None]


def make_state(ram: GuestRam, code_pages: Any, unicorn_library: Any) -> State:
    """A note pad for one engine. ``code_pages`` is a ctypes array of one byte a page, which the
    caller keeps alive as long as the state."""
    state = State()
    state.ram = ram.address
    state.ram_bytes = ram.size
    state.code_pages = ctypes.addressof(code_pages)
    state.vetted = (_Vetted * VETTED_SLOTS)()
    state.emu_stop = ctypes.cast(unicorn_library.uc_emu_stop, ctypes.c_void_p)
    state.reg_read = ctypes.cast(unicorn_library.uc_reg_read, ctypes.c_void_p)
    state.emu_start = ctypes.cast(unicorn_library.uc_emu_start, ctypes.c_void_p)
    state.cr3_id = registers.CR3_ID
    state.flags_id = registers.UNICORN_ID["rflags"]
    state.noted_ids[:] = [registers.UNICORN_ID[name] for name in _NOTED]
    state.passed_site = state.passed_entry = state.flat_cr3 = state.hooked_at = NOWHERE
    return state


def make_callbacks(state: State, unicorn_library: Any) -> Callbacks:
    """The compiled callbacks where they exist, else the Python ones."""
    library = None if os.environ.get(PURE_PYTHON_VARIABLE) else _compiled_library()
    if library is None:
        return _PythonCallbacks(state, unicorn_library).table()
    mark = library.s5_mark_vetted
    mark.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    mark.restype = None
    pointer = ctypes.addressof(state)
    return Callbacks(
        compiled=True,
        site=library.s5_site,
        edge=library.s5_edge,
        entry=library.s5_entry,
        count=library.s5_count,
        exception=library.s5_exception,
        invalid=library.s5_invalid,
        memory=library.s5_memory,
        start=_start_function(library),
        mark_vetted=lambda pc, size: mark(pointer, pc, size),
    )


@cache
def _start_function(library: Any) -> Any:
    """``s5_start``, which survives a crash of Unicorn; the process is made ready for that."""
    library.s5_catch_crashes()
    start = library.s5_start
    start.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)
    return start


@cache
def _compiled_library() -> ctypes.CDLL | None:
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_hooks{suffix}")
        if path.exists():
            library = ctypes.CDLL(str(path))
            return library if _fits(library) else None
    return None


def _fits(library: ctypes.CDLL) -> bool:
    """Whether the library was built from this version's source, and not from an older one."""
    try:
        state_bytes = library.s5_state_bytes
    except AttributeError:
        return False
    state_bytes.restype = ctypes.c_uint64
    return bool(state_bytes() == ctypes.sizeof(State))


class _PythonCallbacks:
    """_hooks.c, function by function."""

    def __init__(self, state: State, unicorn_library: Any) -> None:
        self._state = state
        self._emu_start = _EMU_START(("uc_emu_start", unicorn_library))
        self._emu_stop = unicorn_library.uc_emu_stop
        self._reg_read = unicorn_library.uc_reg_read
        self._vetted: dict[tuple[int, int], bytes] = {}

    def table(self) -> Callbacks:
        pointer, u64, u32 = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
        block = ctypes.POINTER(TranslatedBlock)
        inline = ctypes.CFUNCTYPE(None, pointer, u64, u32, pointer)
        memory = ctypes.CFUNCTYPE(
            ctypes.c_bool, pointer, ctypes.c_int, u64, ctypes.c_int, ctypes.c_int64, pointer
        )
        return Callbacks(
            compiled=False,
            site=inline(self._site),
            edge=ctypes.CFUNCTYPE(None, pointer, block, block, pointer)(self._edge),
            entry=inline(self._entry),
            count=inline(self._count),
            exception=ctypes.CFUNCTYPE(None, pointer, u32, pointer)(self._exception),
            invalid=ctypes.CFUNCTYPE(ctypes.c_bool, pointer, pointer)(self._invalid),
            memory=memory(self._memory),
            start=self._start,
            mark_vetted=self._mark_vetted,
        )

    def _start(self, uc: Any, pc: int, _state: Any) -> int:
        error = int(self._emu_start(uc, pc, 0, 0, 0))
        value = ctypes.c_uint64()
        for name, identifier in zip(_NOTED, self._state.noted_ids, strict=True):
            self._reg_read(uc, identifier, ctypes.byref(value))
            setattr(self._state, name, value.value)
        return error

    def _stop(self, uc: int, reason: Reason) -> None:
        self._state.reason = reason
        self._emu_stop(ctypes.c_void_p(uc))

    def _code(self, pc: int, size: int) -> bytes | None:
        if not size or pc >= self._state.ram_bytes or size > self._state.ram_bytes - pc:
            return None
        return ctypes.string_at(self._state.ram + pc, size)

    def _mark_vetted(self, pc: int, size: int) -> None:
        code = self._code(pc, size)
        if code is not None:
            self._vetted[pc, size] = code

    def _edge(self, uc: int, now: Any, _before: Any, _user: int) -> None:
        block, state = now.contents, self._state
        state.translated += block.instructions
        if state.translated > _TRANSLATED_MAX and state.reason == Reason.NONE:
            self._stop(uc, Reason.FULL)
        self._ask_for_vetting(uc, block.pc, block.bytes, block.instructions)

    def _entry(self, uc: int, address: int, size: int, _user: int) -> None:
        if self._state.passed_entry == address:
            self._state.passed_entry = NOWHERE
        else:
            self._ask_for_vetting(uc, address, size, 0)

    def _ask_for_vetting(self, uc: int, pc: int, size: int, instructions: int) -> None:
        state = self._state
        if state.reason != Reason.NONE or self._is_harmless(uc, pc, size):
            return
        state.address, state.size, state.instructions = pc, size, instructions
        self._stop(uc, Reason.VET)

    def _is_harmless(self, uc: int, pc: int, size: int) -> bool:
        state, cr3 = self._state, ctypes.c_uint64()
        self._reg_read(ctypes.c_void_p(uc), state.cr3_id, ctypes.byref(cr3))
        code = self._code(pc, size) if cr3.value == state.flat_cr3 else None
        if code is None:
            return False
        for page in {pc >> 12, (pc + size - 1) >> 12}:
            ctypes.memset(state.code_pages + page, 1, 1)
        return self._vetted.get((pc, size)) == code or not may_hold_site(code)

    def _site(self, uc: int, address: int, _size: int, _user: int) -> None:
        state = self._state
        if state.reason != Reason.NONE:
            return
        if state.passed_site == address:
            state.passed_site = NOWHERE
            return
        state.address = address
        self._stop(uc, Reason.SITE)

    def _count(self, uc: int, address: int, _size: int, _user: int) -> None:
        state = self._state
        if state.reason != Reason.NONE:
            return
        if state.count >= state.target:
            self._stop(uc, Reason.TARGET)
            return
        state.count += 1
        state.last_counted = state.hooked_at = address
        flags = ctypes.c_uint64()
        self._reg_read(ctypes.c_void_p(uc), state.flags_id, ctypes.byref(flags))
        state.hooked_flags = flags.value

    def _exception(self, uc: int, vector: int, _user: int) -> None:
        if self._state.reason == Reason.NONE:
            self._state.detail = vector
            self._stop(uc, Reason.EXCEPTION)

    def _invalid(self, uc: int, _user: int) -> bool:
        if self._state.reason == Reason.NONE:
            self._stop(uc, Reason.INVALID)
        return True

    def _memory(
        self, _uc: int, kind: int, address: int, _size: int, _value: int, _user: int
    ) -> bool:
        if self._state.reason == Reason.NONE:
            self._state.reason = Reason.MEMORY
            self._state.address, self._state.detail = address, kind
        return False
