"""Exceptions that Unicorn reports and leaves to its user to deliver."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from monitors.ports import TripleFault
from replay.engines.delivery import Delivery, Raised
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory

__all__ = ("ContextProbe", "ExceptionUnit", "Raised")

_WITH_ERROR_CODE = frozenset((8, 10, 11, 12, 13, 14, 17, 21))


class ContextProbe:
    """Reads what Unicorn's API does not offer from a saved context: CPUX86State.error_code,
    exception_is_int and exception_next_eip lie just before dr[0], old_exception behind it."""

    _MARKS = struct.pack("<QQ", 0x5CA1AB1E0DDBA115, 0x0123456789ABCDEF)
    _OLD_EXCEPTION_BEHIND_ERROR_CODE = 16 + 64 + 32

    def __init__(self, uc: Any) -> None:
        from unicorn import x86_const

        self._uc = uc
        debug_registers = (x86_const.UC_X86_REG_DR0, x86_const.UC_X86_REG_DR1)
        before = [uc.reg_read(register) for register in debug_registers]
        for register, mark in zip(debug_registers, struct.unpack("<QQ", self._MARKS), strict=True):
            uc.reg_write(register, mark)
        self._error_code_at = bytes(uc.context_save()).index(self._MARKS) - 16
        for register, value in zip(debug_registers, before, strict=True):
            uc.reg_write(register, value)

    def pending(self) -> tuple[int, bool, int]:
        """Error code, whether ``int n`` raised it, and the address behind that instruction."""
        raw = bytes(self._uc.context_save())
        code, is_int, next_rip = struct.unpack_from("<iiQ", raw, self._error_code_at)
        return code & 0xFFFF_FFFF, bool(is_int), next_rip

    def forget_previous(self) -> None:
        """Clear ``old_exception``, which Unicorn never does: a second page fault would otherwise be
        reported as a double fault."""
        context = self._uc.context_save()
        offset = self._error_code_at + self._OLD_EXCEPTION_BEHIND_ERROR_CODE
        address = context._context.value + offset  # noqa: SLF001 (the binding offers no accessor)
        ctypes.c_int.from_address(address).value = -1
        self._uc.context_restore(context)


class _GuestsView:
    """The registers, with CR3 as the guest knows it; see ``replay.engines.delivery.Processor``."""

    def __init__(self, instance: Instance, memory: EngineMemory) -> None:
        self.set = instance.set
        self.table = instance.table
        self._get = instance.get
        self._memory = memory

    def get(self, name: str) -> int:
        return self._memory.cr3() if name == "cr3" else self._get(name)


class ExceptionUnit:
    """Delivers exceptions to the guest of one Unicorn instance."""

    def __init__(self, instance: Instance, memory: EngineMemory) -> None:
        self._uc = instance.uc
        self._delivery = Delivery(_GuestsView(instance, memory), memory)
        self._probe: ContextProbe | None = None

    def prepare(self) -> None:
        """Find what is hidden in a saved context, while no guest has put look-alikes there."""
        self._probe = ContextProbe(self._uc)

    def forget_previous(self) -> None:
        """See ``ContextProbe.forget_previous``."""
        assert self._probe is not None
        self._probe.forget_previous()

    def raised(self, vector: int) -> Raised:
        """The exception that Unicorn has just reported."""
        assert self._probe is not None
        code, software, next_rip = self._probe.pending()
        with_code = vector in _WITH_ERROR_CODE and not software
        return Raised(vector, code if with_code else None, None, software, next_rip)

    def deliver(self, raised: Raised, rip: int) -> int | TripleFault:
        """Enter the guest's handler; returns its address."""
        target = self._delivery.deliver(raised, rip)
        if not isinstance(target, TripleFault):
            self.forget_previous()
        return target
