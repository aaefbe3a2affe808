from __future__ import annotations

from replay.engines.errors import EngineError, EngineFailure, EngineUnavailable, NotReproducible


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


def test_one_root() -> None:
    assert all(
        issubclass(error, EngineError)
        for error in (EngineUnavailable, NotReproducible, EngineFailure)
    )
