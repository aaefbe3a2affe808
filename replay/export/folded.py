"""Call stacks in one line each, as flamegraph.pl, speedscope and inferno read them:
``outermost;…;innermost COUNT``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from replay.export.words import one_line
from replay.player.samples import Called, Stack

UNKNOWN = "[unknown]"
_INLINED = "_[i]"
Folded = Mapping[tuple[str, ...], int]
"""How often each stack of functions was seen, the outermost first."""


def fold(stacks: Iterable[Stack]) -> Folded:
    """Count stacks by the functions in them."""
    return Counter(tuple(map(_name, stack)) for stack in stacks)


def folded_lines(folded: Folded) -> bytes:
    """The lines, in order of their text."""
    lines = sorted(f"{';'.join(stack)} {count}\n" for stack, count in folded.items())
    return "".join(lines).encode("utf-8", "replace")


def _name(called: Called) -> str:
    """A function's name without what separates names; inlined ones as stackcollapse-perf.pl has
    them."""
    name = one_line(called.function).replace(";", ":") or UNKNOWN
    return f"{name}{_INLINED}" if called.is_inlined else name
