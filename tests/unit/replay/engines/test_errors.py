from __future__ import annotations

from replay.engines.errors import (
    EngineError,
    EngineFailure,
    EngineUnavailable,
    NoDebugRegister,
    NotReproducible,
)


def test_unavailable_says_why_and_what_to_do() -> None:
    error = EngineUnavailable("kvm", "no /dev/kvm", "load the module")
    assert (error.engine, error.reason, error.remedy) == ("kvm", "no /dev/kvm", "load the module")
    assert str(error) == "engine kvm is not available: no /dev/kvm; load the module"
    assert str(EngineUnavailable("kvm", "no /dev/kvm")).endswith("no /dev/kvm")


def test_not_reproducible_says_where_and_which_instruction() -> None:
    error = NotReproducible(0x100004, "vzeroall", "it is AVX", "build without")
    assert (error.rip, error.instruction, error.why, error.remedy) == (
        0x100004,
        "vzeroall",
        "it is AVX",
        "build without",
    )
    assert str(error) == "the guest executes `vzeroall` at 0x100004: it is AVX; build without"


def test_too_much_to_watch_says_how_much() -> None:
    error = NoDebugRegister(4, 3, [0x10, 0x20])
    assert (error.registers, error.watchpoints, error.breakpoints) == (4, 3, (0x10, 0x20))
    assert str(error) == (
        "the processor has 4 debug registers for this, too few for 3 watchpoint(s) and the "
        "breakpoints at 0x10, 0x20, which need one each; remove some of them"
    )
    assert "breakpoints" not in str(NoDebugRegister(4, 5, ()))


def test_one_root() -> None:
    assert all(
        issubclass(error, EngineError)
        for error in (EngineUnavailable, NotReproducible, EngineFailure, NoDebugRegister)
    )
