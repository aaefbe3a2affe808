"""Which engine is the best that truly works on this host, and why the others do not.

Nothing is trusted: each candidate is tried out, the fastest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from replay.engines.errors import EngineError, EngineUnavailable
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.registry import engine_factory

AUTO = "auto"
"""Instead of an engine's name: the best that works."""

PREFERRED = ("kvm", "native", "unicorn")
"""From the fastest to the one that runs everything anywhere."""

ONLY_HVT = frozenset(("kvm",))
"""Engines whose guests own a whole processor; those of spt are processes."""

_PROBED = frozenset(("kvm",))
"""Engines that a host may have and that are of no use there."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine in use, and why those that would have come before it do not do."""

    name: str
    passed_over: Sequence[EngineUnavailable] = ()


def with_engine(
    wanted: str, target: str, make: Callable[[str], Made], *, first: str = ""
) -> tuple[Made, Choice]:
    """What ``make`` gives for the engine ``wanted``; for ``auto``, for the first that works of
    ``first`` (where it names an engine) and those of ``PREFERRED``, for guests of ``target``.

    ``make`` takes a name and raises EngineUnavailable where that engine does not work; so does this
    where none does.
    """
    if wanted != AUTO:
        return make(wanted), Choice(wanted)
    passed_over: list[EngineUnavailable] = []
    for name in sorted(PREFERRED, key=lambda name: name != first):
        try:
            _check_worth(name, target)
            return make(name), Choice(name, tuple(passed_over))
        except EngineUnavailable as error:
            passed_over.append(error)
    raise passed_over[-1]


def why_unusable(name: str, target: str = "hvt") -> EngineUnavailable | None:
    """What keeps an engine from running guests of ``target`` here as well as it should. It is tried
    out, which takes milliseconds."""
    try:
        _check_worth(name, target)
    except EngineUnavailable as error:
        return error
    return None if name in _PROBED else why_unavailable(name)


def why_unavailable(name: str) -> EngineUnavailable | None:
    """What keeps this host from having an engine at all, however well it works."""
    if name == "native":
        from replay.engines.native.probe import probe

        return probe()
    return _try_out(name)


def _check_worth(name: str, target: str) -> None:
    if name in ONLY_HVT and target != "hvt":
        raise EngineUnavailable(name, f"{target} guests run without a virtual machine")
    if name in _PROBED:
        from replay.engines.kvm.probe import probe

        problem = probe()
        if problem is not None:
            raise problem


def _try_out(name: str) -> EngineUnavailable | None:
    try:
        engine = engine_factory(name)()
    except EngineUnavailable as error:
        return error
    ram: GuestRam | None = None
    try:
        ram = GuestRam(16 * PAGE_BYTES)
        engine.map(ram, ())
    except EngineUnavailable as error:
        return error
    except (EngineError, OSError) as error:
        return EngineUnavailable(name, str(error))
    finally:
        engine.close()
        if ram is not None:
            ram.close()
    return None
