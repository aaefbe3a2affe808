"""Where a guest spends its instructions: call stacks at places all over a recorded run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from replay.player.standing import read_words
from replay.player.stops import View, Why
from replay.player.symbols import Place, Symbols
from replay.player.timeline import Timeline

SAMPLES = 5000
"""How many are taken where nobody asks for another distance."""

_GOLDEN = 0x9E3779B97F4A7C15
_U64_BITS = 64
_U64 = 1 << _U64_BITS


@dataclass(frozen=True, slots=True)
class Called:
    """A function on the stack, empty where none is known; ``is_inlined``: in the one before."""

    function: str
    is_inlined: bool = False


Stack = tuple[Called, ...]
"""The calls at one place, the outermost first."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How samples are taken: one in each ``every`` of all ``steps``, instructions and events."""

    every: int
    steps: int

    @property
    def count(self) -> int:
        """How many samples there will be."""
        return -(-self.steps // self.every)


def plan_sampling(timeline: Timeline, every: int | None = None) -> Sampling | None:
    """Go to the end of the recording once, for its length, and back to its start; None where
    somebody interrupts that. Raises what journeys of a timeline raise."""
    if timeline.seek(timeline.end).why is Why.INTERRUPTED:
        return None
    steps = timeline.steps
    timeline.seek(timeline.start)
    return Sampling(every or max(1, steps // SAMPLES), steps)


def take_samples(
    timeline: Timeline, sampling: Sampling, symbols: Symbols, told: Callable[[int], object] = abs
) -> Iterator[Stack]:
    """The call stacks, from a timeline at its start; fewer where it is interrupted.

    Samples stand in equal shares of the run, but not at equal distances: a loop as long as that
    would be seen at one of its instructions alone. ``told`` is how many there are by now.
    """
    names = _Names(symbols)
    for number in range(sampling.count):
        stop = timeline.step(_place(number, sampling) - timeline.steps)
        if stop.why is Why.INTERRUPTED:
            return
        yield names.stack(timeline.still())
        told(number + 1)


def _place(number: int, sampling: Sampling) -> int:
    """In steps from the start; the same for each run, and spread evenly over the distance."""
    first = number * sampling.every
    room = min(sampling.every, sampling.steps - first)
    return first + ((number + 1) * _GOLDEN % _U64 * room >> _U64_BITS)


class _Names:
    """Names stacks; what stands at an address is looked up once."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._known: dict[int, Stack] = {}

    def stack(self, view: View) -> Stack:
        """Where a guest stands."""
        places = self._symbols.call_stack(view.registers(), read_words(view))
        return tuple(called for place in reversed(places) for called in self._at(place))

    def _at(self, place: Place) -> Stack:
        if place.address not in self._known:
            scopes = self._symbols.scopes(place.address)
            inlined = (Called(scope.name, is_inlined=True) for scope in scopes if scope.is_inlined)
            self._known[place.address] = (Called(place.function), *inlined)
        return self._known[place.address]
