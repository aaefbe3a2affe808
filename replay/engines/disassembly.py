"""Decoding x86-64 by Capstone's C library alone.

The package's Python part describes the operands of twenty processors, and loading it takes longer
than starting a guest. Who wants operands as numbers needs it all the same.
"""

from __future__ import annotations

import ctypes
import enum
import os
import struct
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from replay.engines.errors import EngineFailure

Decoded = tuple[int, int, str, str]
"""Address, length, mnemonic and operands of an instruction."""

Decoder = Callable[[bytes, int, int], list[Decoded]]
"""Decodes code at an address: up to so many (0: all) instructions, as far as there are any."""

_MAJOR_VERSION = 5
_CS_ARCH_X86, _CS_MODE_64, _CS_OPT_SYNTAX = 3, 1 << 3, 1
_INSTRUCTION = struct.Struct("<8xQH24x32s160s6x8x")  # capstone.h, struct cs_insn of version 5


class Syntax(enum.IntEnum):
    """How instructions are written, by Capstone's own numbers (capstone.h, ``cs_opt_value``)."""

    INTEL = 1
    ATT = 2


@cache
def decoder(syntax: Syntax = Syntax.INTEL) -> Decoder:
    """The library's, or the package's where the library is another one or not beside it."""
    library = _library()
    if library is None:
        return _package_decoder(syntax)
    try:
        return _LibraryDecoder(library, syntax).decode
    except OSError:
        return _package_decoder(syntax)


def _library() -> Path | None:
    """The library that the package would load, if it brings one."""
    package = find_spec("capstone")
    if package is None or package.origin is None or "LIBCAPSTONE_PATH" in os.environ:
        return None
    library = Path(package.origin).parent / "lib" / "libcapstone.so"
    return library if library.exists() else None


class _LibraryDecoder:
    """Raises OSError for a library that cannot be loaded or has other structures."""

    def __init__(self, path: Path, syntax: Syntax = Syntax.INTEL) -> None:
        self._library = library = ctypes.CDLL(str(path), mode=os.RTLD_DEEPBIND)
        version = library.cs_version(None, None) >> 8
        if version != _MAJOR_VERSION:
            raise OSError(f"{path}: version {version}")
        self._handle = handle = ctypes.c_size_t()
        if library.cs_open(_CS_ARCH_X86, _CS_MODE_64, ctypes.byref(handle)):
            raise OSError(f"{path}: no x86")
        if library.cs_option(handle, _CS_OPT_SYNTAX, ctypes.c_size_t(syntax)):
            raise OSError(f"{path}: no {syntax.name} syntax")
        self._disassemble: Any = library.cs_disasm
        self._disassemble.restype = ctypes.c_size_t
        size = ctypes.c_size_t
        self._disassemble.argtypes = (
            *(size, ctypes.c_char_p, size, ctypes.c_uint64, size),
            ctypes.c_void_p,
        )
        self._free: Any = library.cs_free
        self._free.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self._free.restype = None

    def decode(self, code: bytes, address: int, count: int) -> list[Decoded]:
        """See ``Decoder``."""
        found = ctypes.c_void_p()
        place = ctypes.byref(found)
        number = self._disassemble(self._handle, code, len(code), address, count, place)
        if not number:
            self._check()
            return []
        try:
            data = ctypes.string_at(found.value or 0, number * _INSTRUCTION.size)
        finally:
            self._free(found, number)
        return [
            (at, length, _text(mnemonic), _text(operands))
            for at, length, mnemonic, operands in _INSTRUCTION.iter_unpack(data)
        ]

    def _check(self) -> None:
        error = self._library.cs_errno(self._handle)
        if error:
            raise EngineFailure(f"Capstone cannot decode: error {error}")


def _text(field: bytes) -> str:
    return field[: field.index(0)].decode("ascii")


def _package_decoder(syntax: Syntax = Syntax.INTEL) -> Decoder:
    import capstone

    instance = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    instance.syntax = int(syntax)
    return lambda code, address, count: list(instance.disasm_lite(code, address, count))
