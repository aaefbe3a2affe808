"""Unicorn alone, the baseline for the engine's own share: `bench.run_phase bare` and `blocks`.

The guest starts with the same memory, protections and registers; no block is vetted, no call is
answered, only the halt is looked at; `rdtsc` is the emulator's own. That is enough for guests that
compute and ask for nothing else.
"""

from __future__ import annotations

from pathlib import Path

import unicorn
from unicorn import unicorn_const as uc_const
from unicorn import x86_const

from monitors.elf import read_image
from monitors.hvt.abi import HVT_HYPERCALL_PIO_BASE, Hypercall
from monitors.ports import BootRequest
from monitors.registry import monitor_for
from replay.devices.processor import NOMINAL_TSC_HZ
from replay.engines.ram import GuestRam
from replay.engines.unicorn import registers

_TRANSLATIONS_BYTES = 512 << 20  # as the engine has it
_READ_ONLY = uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC
_HALT_PORT = HVT_HYPERCALL_PIO_BASE + Hypercall.HALT


class BareRun:
    """A booted guest; ``blocks`` counts translated blocks when asked to, which takes time."""

    def __init__(
        self,
        guest: Path,
        mem_bytes: int,
        *,
        command_line: bytes = b"",
        count_blocks: bool = False,
    ) -> None:
        image = read_image(guest.read_bytes(), name=guest.name)
        request = BootRequest(image, mem_bytes, NOMINAL_TSC_HZ, command_line)
        boot = monitor_for(image, ()).boot(request)
        self.blocks = 0
        self._entry = boot.registers["rip"]
        self._uc = unicorn.Uc(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
        self._uc.ctl_set_tcg_buffer_size(_TRANSLATIONS_BYTES)
        self._uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_WESTMERE)
        self._ram = GuestRam(mem_bytes)
        self._uc.mem_map_ptr(0, mem_bytes, uc_const.UC_PROT_ALL, self._ram.address)
        for segment in boot.segments:
            self._uc.mem_write(segment.gpa, segment.data)
        for protection in boot.protections:
            if not protection.writable:
                size = protection.end - protection.start
                self._uc.mem_protect(protection.start, size, _READ_ONLY)
        registers.load_state(self._uc, boot.registers)
        self._uc.hook_add(uc_const.UC_HOOK_INSN, self._out, None, 1, 0, x86_const.UC_X86_INS_OUT)
        if count_blocks:
            self._uc.hook_add(uc_const.UC_HOOK_EDGE_GENERATED, self._generated)

    def run(self) -> None:
        """Run to the halt."""
        self._uc.emu_start(self._entry, 0)

    def _out(self, uc: unicorn.Uc, port: int, _size: int, _value: int, _data: object) -> None:
        if port == _HALT_PORT:
            uc.emu_stop()

    def _generated(self, *_: object) -> None:
        self.blocks += 1
