"""Whether a conditional branch will be taken, by the flags (Intel SDM, volume 2, Jcc)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_CF, _PF, _ZF, _SF, _OF = (1 << bit for bit in (0, 2, 6, 7, 11))
_Test = Callable[[int], bool]


def _set(flags: int) -> _Test:
    return lambda rflags: bool(rflags & flags)


def _less(rflags: int) -> bool:
    return bool(rflags & _SF) != bool(rflags & _OF)


def _less_or_equal(rflags: int) -> bool:
    return bool(rflags & _ZF) or _less(rflags)


_CONDITIONS: Mapping[str, _Test] = {
    "o": _set(_OF),
    "b": _set(_CF),
    "e": _set(_ZF),
    "be": _set(_CF | _ZF),
    "s": _set(_SF),
    "p": _set(_PF),
    "l": _less,
    "le": _less_or_equal,
}
_OPPOSITES = {
    "no": "o",
    "ae": "b",
    "ne": "e",
    "a": "be",
    "ns": "s",
    "np": "p",
    "ge": "l",
    "g": "le",
}


def is_taken(mnemonic: str, registers: Mapping[str, int]) -> bool | None:
    """Whether the guest will branch at a conditional jump; None for everything else."""
    name = mnemonic.rpartition(" ")[2]
    if name in ("jrcxz", "jecxz"):
        return registers["rcx"] & (0xFFFF_FFFF if name == "jecxz" else -1) == 0
    condition = name[1:] if name.startswith("j") else ""
    if condition in _OPPOSITES:
        return not _CONDITIONS[_OPPOSITES[condition]](registers["rflags"])
    test = _CONDITIONS.get(condition)
    return None if test is None else test(registers["rflags"])
