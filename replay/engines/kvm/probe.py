"""Whether KVM truly works here: a guest of a few instructions, with a time limit.

Capabilities do not tell. Some kernels run ring 0 by emulating one instruction after the other, at
a thousandth of the speed and without SSE, and say nothing of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.device import open_device

if TYPE_CHECKING:
    from replay.engines.kvm.trial import Trial

TIME_LIMIT_S = 0.005
FAST_ENOUGH_S = 0.0003
_ROUNDS = 3
_RIGHT = (0x80, 9)

# pxor xmm0, xmm0; mov eax, 3; cvtsi2sd xmm0, eax; mulsd xmm0, xmm0; cvttsd2si ebx, xmm0;
# mov ecx, 1000; 1: dec ecx; jnz 1b; mov eax, ebx; out 0x80, eax
_CODE = bytes.fromhex(
    "660fefc0 b803000000 f20f2ac0 f20f59c0 f20f2cd8 b9e8030000 ffc9 75fc 89d8 e780"
)


def probe() -> EngineUnavailable | None:
    """Why KVM is not usable, if it is not."""
    try:
        api.close(open_device())
        from replay.engines.kvm.trial import Trial

        trial = Trial(_CODE)
    except EngineUnavailable as error:
        return error
    except OSError as error:
        return _unusable(f"a test guest gets no memory: {error.strerror}")
    try:
        return _rounds(trial)
    except InterruptedError:
        return _unusable(f"a test guest does not end within {TIME_LIMIT_S * 1e3:.0f} ms")
    except OSError as error:
        return _unusable(f"a test guest does not run: {error.strerror}")
    finally:
        trial.close()


def _rounds(trial: Trial) -> EngineUnavailable | None:
    """The best of a few, since the host may be busy."""
    best = TIME_LIMIT_S
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        problem = _judge(trial.run(TIME_LIMIT_S), trial)
        best = min(best, time.perf_counter() - started)
        if problem is not None or best <= FAST_ENOUGH_S:
            return problem
    return _unusable(f"a test guest of 3000 instructions takes {best * 1e3:.1f} ms")


def _judge(reason: int, trial: Trial) -> EngineUnavailable | None:
    if reason == ExitReason.INTERNAL_ERROR:
        return _unusable("it emulates instructions, and knows no SSE")
    if reason != ExitReason.IO:
        return _unusable(f"a test guest ends with exit {reason}")
    return None if trial.answer == _RIGHT else _unusable("it computes wrongly")


def _unusable(reason: str) -> EngineUnavailable:
    remedy = "use a host with VT-x or AMD-V that is not itself emulated"
    return EngineUnavailable("kvm", reason, remedy)
