"""Whether KVM truly works here: a guest of a few instructions, with a time limit.

Capabilities do not tell. Some kernels run ring 0 by emulating one instruction after the other, at
a thousandth of the speed and without SSE, and say nothing of it.
"""

from __future__ import annotations

import mmap
import struct
import threading
import time

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.interruption import Interruption
from replay.engines.kvm.processor import Processor
from replay.engines.kvm.vcpu import exit_reason
from replay.engines.kvm.vm import Slot, VirtualMachine

TIME_LIMIT_S = 0.005
FAST_ENOUGH_S = 0.0003
_ROUNDS = 3
_MEMORY_BYTES = 0x8000
_CODE_GPA, _PML4_GPA = 0x1000, 0x2000
_PORT, _ANSWER = 0x80, 9

# pxor xmm0, xmm0; mov eax, 3; cvtsi2sd xmm0, eax; mulsd xmm0, xmm0; cvttsd2si ebx, xmm0;
# mov ecx, 1000; 1: dec ecx; jnz 1b; mov eax, ebx; out 0x80, eax
_CODE = bytes.fromhex(
    "660fefc0 b803000000 f20f2ac0 f20f59c0 f20f2cd8 b9e8030000 ffc9 75fc 89d8 e780"
)
# One table a level, and one page of 2 MiB.
_TABLES = ((0x2000, 0x3063), (0x3000, 0x4063), (0x4000, 0xE3))
_STATE = {
    "rip": _CODE_GPA,
    "rsp": _MEMORY_BYTES,
    "rflags": 2,
    "cs": 8,
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 0x10),
    "cr0": 0x80010021,
    "cr3": _PML4_GPA,
    "cr4": 0x620,
    "efer": 0x500,
}


def probe() -> EngineUnavailable | None:
    """Why KVM is not usable, if it is not."""
    try:
        machine = VirtualMachine()
    except EngineUnavailable as error:
        return error
    memory = mmap.mmap(-1, _MEMORY_BYTES)
    interruption = Interruption(machine.vcpu)
    try:
        memory[_CODE_GPA : _CODE_GPA + len(_CODE)] = _CODE
        for gpa, entry in _TABLES:
            struct.pack_into("<Q", memory, gpa, entry)
        machine.set_memory([Slot(0, _MEMORY_BYTES, api.address_of(memory))])
        return _rounds(machine, interruption)
    except OSError as error:
        return _unusable(f"a test guest does not run: {error.strerror}")
    finally:
        interruption.close()
        machine.close()
        memory.close()


def _rounds(machine: VirtualMachine, interruption: Interruption) -> EngineUnavailable | None:
    """The best of a few, since the host may be busy."""
    limit = threading.Timer(TIME_LIMIT_S, interruption.request)
    limit.daemon = True
    limit.start()
    try:
        best = TIME_LIMIT_S
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            problem = _round(machine, interruption)
            best = min(best, time.perf_counter() - started)
            if problem is not None or best <= FAST_ENOUGH_S:
                return problem
        return _unusable(f"a test guest of 3000 instructions takes {best * 1e3:.1f} ms")
    finally:
        limit.cancel()
        limit.join()


def _round(machine: VirtualMachine, interruption: Interruption) -> EngineUnavailable | None:
    vcpu = machine.vcpu
    Processor(vcpu).load(_STATE)
    interruption.watch_this_thread()
    interruption.inside = True
    try:
        vcpu.enter()
    except InterruptedError:
        return _unusable(f"a test guest does not end within {TIME_LIMIT_S * 1e3:.0f} ms")
    finally:
        interruption.inside = False
    reason = exit_reason(vcpu.page)
    if reason == ExitReason.INTERNAL_ERROR:
        return _unusable("it emulates instructions, and knows no SSE")
    if reason != ExitReason.IO:
        return _unusable(f"a test guest ends with exit {reason}")
    _, size, port, _, at = api.IO.unpack_from(vcpu.page, api.DETAIL_AT)
    value = int.from_bytes(vcpu.page[at : at + size], "little")
    return None if (port, value) == (_PORT, _ANSWER) else _unusable("it computes wrongly")


def _unusable(reason: str) -> EngineUnavailable:
    remedy = "use a host with VT-x or AMD-V that is not itself emulated"
    return EngineUnavailable("kvm", reason, remedy)
