"""The callbacks that note why a guest should stop, compiled or in Python.

``_hooks.c`` holds the fast ones, ``python_callbacks.py`` the same logic for hosts where that could
not be compiled: slower, with the same stops at the same instructions. Both write one ``State``.
"""

from __future__ import annotations

import ctypes
import enum
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from replay.engines.ram import GuestRam
from replay.engines.unicorn import registers

VETTED_SLOTS = 1 << 15
COUNTED_SLOTS = 1 << 18
TRANSLATED_MAX = 450_000
NOTED = ("rip", "rax", "rdx")
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
    UNKNOWN = 8
    BREAK = 9
    WATCHED = 10
    INTERRUPT = 11


class Use(enum.IntFlag):
    """What a place is for (``enum use`` of _hooks.c)."""

    NONE = 0
    SITE = 1
    BREAKPOINT = 2
    NOTED = 4
    REPEATED = 8


class _Vetted(ctypes.Structure):
    _fields_ = (("pc", ctypes.c_uint64), ("fingerprint", ctypes.c_uint64))


class Counted(ctypes.Structure):
    """``struct counted`` of _hooks.c: how many instructions a block has."""

    _fields_ = (
        ("pc", ctypes.c_uint64),
        ("bytes", ctypes.c_uint32),
        ("instructions", ctypes.c_uint32),
    )


class Place(ctypes.Structure):
    """``struct place`` of _hooks.c: an address, and what it is for."""

    _fields_ = (("address", ctypes.c_uint64), ("uses", ctypes.c_uint64))


class Watch(ctypes.Structure):
    """``struct watch`` of _hooks.c: guest physical memory that is looked after."""

    _fields_ = (
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("accesses", ctypes.c_uint64),
        ("stops", ctypes.c_uint64),
    )


class Note(ctypes.Structure):
    """``struct note`` of _hooks.c: where something was reached."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("rip", ctypes.c_uint64),
        ("gpa", ctypes.c_uint64),
        ("watch", ctypes.c_uint64),
    )


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
        ("starting", ctypes.c_uint64),
        ("by_blocks", ctypes.c_uint64),
        ("current", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("block_bytes", ctypes.c_uint64),
        ("tail", ctypes.c_uint64),
        ("interrupted", ctypes.c_uint64),
        ("counted", ctypes.POINTER(Counted)),
        ("counted_blocks", ctypes.c_uint64),
        ("sealed_pages", ctypes.c_void_p),
        ("places", ctypes.POINTER(Place)),
        ("places_mask", ctypes.c_uint64),
        ("passed_break", ctypes.c_uint64),
        ("counted_rcx", ctypes.c_uint64),
        ("counted_rsp", ctypes.c_uint64),
        ("rcx_id", ctypes.c_int64),
        ("rsp_id", ctypes.c_int64),
        ("arrived_at", ctypes.c_uint64),
        ("watches", ctypes.POINTER(Watch)),
        ("watches_count", ctypes.c_uint64),
        ("watched_pages", ctypes.c_void_p),
        ("watched", ctypes.c_uint64),
        ("watch", ctypes.c_uint64),
        ("watched_cr2", ctypes.c_uint64),
        ("cr2_id", ctypes.c_int64),
        ("hits", ctypes.c_uint64),
        ("first", Note),
        ("last", Note),
        ("last_but_one", Note),
        ("reached", ctypes.c_void_p),
        ("runs", ctypes.c_void_p),
        ("runs_start", ctypes.c_uint64),
        ("runs_bytes", ctypes.c_uint64),
    )


class TranslatedBlock(ctypes.Structure):
    """``uc_tb`` of unicorn.h."""

    _fields_ = (
        ("pc", ctypes.c_uint64),
        ("instructions", ctypes.c_uint16),
        ("bytes", ctypes.c_uint16),
    )


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Addresses for ``uc_hook_add``, the functions that tell them of a vetted block, of the number
    of instructions in a block, and what an address is for; and the one that starts Unicorn:
    ``start(handle, pc, state)`` returns its error number, and -1 after a crash."""

    compiled: bool
    place: Any
    edge: Any
    entry: Any
    first: Any
    block: Any
    count: Any
    access: Any
    exception: Any
    invalid: Any
    memory: Any
    start: Any
    mark_vetted: Callable[[int, int], None]
    put_count: Callable[[int, int, int], object]
    forget_counts: Callable[[], None]
    put_place: Callable[[int, int], None]


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
    for name in ("cr2", "rcx", "rsp"):
        setattr(state, f"{name}_id", registers.UNICORN_ID[name])
    state.noted_ids[:] = [registers.UNICORN_ID[name] for name in NOTED]
    state.passed_site = state.passed_entry = state.flat_cr3 = state.hooked_at = NOWHERE
    state.passed_break = state.last_counted = state.arrived_at = NOWHERE
    state.places = (Place * 1)()
    return state


def make_callbacks(state: State, unicorn_library: Any) -> Callbacks:
    """The compiled callbacks where they exist, else the Python ones."""
    library = None if os.environ.get(PURE_PYTHON_VARIABLE) else _compiled_library()
    if library is None:
        from replay.engines.unicorn.python_callbacks import PythonCallbacks

        return PythonCallbacks(state, unicorn_library).table()
    pointer = ctypes.addressof(state)
    return Callbacks(
        compiled=True,
        place=library.s5_place,
        edge=library.s5_edge,
        entry=library.s5_entry,
        first=library.s5_first,
        block=library.s5_block,
        count=library.s5_count,
        access=library.s5_access,
        exception=library.s5_exception,
        invalid=library.s5_invalid,
        memory=library.s5_memory,
        start=_start_function(library),
        mark_vetted=_function(library.s5_mark_vetted, pointer, 2),
        put_count=_function(library.s5_put_count, pointer, 3),
        forget_counts=_function(library.s5_forget_counts, pointer, 0),
        put_place=_function(library.s5_put_place, pointer, 2),
    )


def _function(function: Any, state_pointer: int, arguments: int) -> Callable[..., None]:
    """A function of the library that takes the state and some integers."""
    function.argtypes = (ctypes.c_void_p, *[ctypes.c_uint64] * arguments)
    function.restype = None
    return partial(function, state_pointer)


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
