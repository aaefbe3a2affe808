"""Which engine is the best that truly works on this host, and why the others do not.

Nothing is trusted: each candidate is tried out, the fastest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.engines.errors import EngineError, EngineUnavailable
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.registry import engine_factory

PREFERRED = ("kvm", "native", "unicorn")
"""From the fastest to the one that runs everything anywhere."""

ONLY_HVT = frozenset(("kvm",))
"""Engines whose guests own a whole processor; those of spt are processes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine to use, and why those before it in ``PREFERRED`` do not do."""

    name: str
    passed_over: Sequence[EngineUnavailable]


def best_engine(target: str) -> Choice:
    """The best for guests of ``target``; raises EngineUnavailable where not even one works."""
    passed_over: list[EngineUnavailable] = []
    for name in PREFERRED:
        problem = why_unusable(name, target)
        if problem is None:
            return Choice(name, passed_over)
        passed_over.append(problem)
    raise passed_over[-1]


def why_unusable(name: str, target: str = "hvt") -> EngineUnavailable | None:
    """What keeps an engine from running guests of ``target`` here."""
    if name in ONLY_HVT and target != "hvt":
        return EngineUnavailable(name, f"{target} guests run without a virtual machine")
    if name == "kvm":
        from replay.engines.kvm.probe import probe

        return probe()
    return _try_out(name)


def _try_out(name: str) -> EngineUnavailable | None:
    try:
        engine = engine_factory(name)()
    except EngineUnavailable as error:
        return error
    ram = GuestRam(16 * PAGE_BYTES)
    try:
        engine.map(ram, ())
    except EngineUnavailable as error:
        return error
    except (EngineError, OSError) as error:
        return EngineUnavailable(name, str(error))
    finally:
        engine.close()
        ram.close()
    return None
