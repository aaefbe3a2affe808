"""What the engine's caller learns of a site."""

from __future__ import annotations

from collections.abc import Callable

from monitors.ports import Trap, TrapKind
from replay.engines.errors import NotReproducible
from replay.engines.sites import Site

TIME_TRAPS = {kind: Trap(kind) for kind in (TrapKind.RDTSC, TrapKind.RDTSCP)}
_U32_MAX = (1 << 32) - 1


def trap_of(site: Site, register: Callable[[str], int]) -> Trap:
    """The exit at a TRAP site, with the state of the registers that its answer depends on."""
    assert site.trap is not None
    if site.trap is TrapKind.CPUID:
        leaf, subleaf = (register(name) & _U32_MAX for name in ("rax", "rcx"))
        return Trap(site.trap, leaf=leaf, subleaf=subleaf)
    if site.trap in TIME_TRAPS:
        return TIME_TRAPS[site.trap]
    return Trap(
        site.trap,
        register=site.register,
        bits=site.bits,
        previous=register(site.register),
        rflags=register("rflags"),
    )


def refusal(site: Site) -> NotReproducible:
    """Why a REFUSE site cannot be executed."""
    why = "Unicorn computes AVX, AVX-512 and BMI (VEX) instructions wrongly"
    remedy = "build the guest without them (for example -march=x86-64-v2)"
    if site.text.startswith("rdpmc"):
        why, remedy = "performance counters differ from run to run", "build the guest without it"
    return NotReproducible(site.address, site.text, why, remedy)
