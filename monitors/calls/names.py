"""Calls by name, as people ask for them."""

from __future__ import annotations

from collections.abc import Mapping

from monitors.calls import ALL_CALLS

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "clock": ("WallClock", "MonotonicClock"),
    "console": ("ConsoleWrite",),
    "poll": ("Poll", "SetTimer", "WaitReady"),
    "block": ("BlockRead", "BlockWrite"),
    "net": ("NetRead", "NetWrite"),
    "traps": ("ReadTsc", "ReadTscp", "RandomWord", "Cpuid"),
    "end": ("Halt", "Misuse"),
}
"""Names of calls by the family that they belong to."""

_NAMES = tuple(call.__name__ for call in ALL_CALLS)
CALL_NAMES = (*_NAMES, *FAMILIES)
"""All that ``parse_call_names`` knows, each in one spelling."""


def parse_call_names(text: str) -> frozenset[str]:
    """Names of calls in ``A,B``: a call's own in any spelling, or a family's, which comes first
    where both are spelt alike (``poll``, but ``Poll``); raises ValueError."""
    known = {name.lower(): (name,) for name in _NAMES} | dict(FAMILIES)
    chosen: set[str] = set()
    for word in text.split(","):
        key = word.strip().lower().replace("-", "").replace("_", "")
        if word.strip() in _NAMES:
            chosen.add(word.strip())
            continue
        if key not in known:
            families, names = ", ".join(FAMILIES), ", ".join(_NAMES)
            raise ValueError(f"no type {word!r}; families: {families}; calls: {names}")
        chosen.update(known[key])
    return frozenset(chosen)
