"""What a measurement came to, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from statistics import median

_SURE_PAIRS = 6
"""Of fewer, even the extremes do not hold the median with a confidence of 95 %."""
COLUMNS = ("what", "goal", "measured", "met", "how")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``goal`` is the most that it may be, or with ``is_least`` the least; ``None``: it
    is only told."""

    name: str
    value: float
    unit: str = ""
    goal: float | None = None
    how: str = ""
    is_least: bool = False

    @property
    def missed(self) -> bool:
        """Whether there is a goal and the value is beyond it."""
        if self.goal is None:
            return False
        return self.value < self.goal if self.is_least else self.value > self.goal

    def row(self) -> tuple[str, str, str, str, str]:
        """The columns of ``COLUMNS``, as a table shows them."""
        goal = met = ""
        if self.goal is not None:
            goal = f"{'>=' if self.is_least else '<='} {self.goal:g} {self.unit}".strip()
            met = "MISSED" if self.missed else "yes"
        return self.name, goal, f"{amount(self.value)} {self.unit}".strip(), met, self.how


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question's module found out; ``note`` is text below its table."""

    question: str
    figures: Sequence[Figure]
    note: str = ""


@dataclass(slots=True)
class Samples:
    """Repeated measurements of several variants, by the variant's name."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """One more measurement of a variant."""
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The median of a variant."""
        return median(self.values[name])

    def ratio(self, name: str, base: str) -> float:
        """The median of a variant over a base, measured in turn: each round's two are neighbours in
        time, so that a machine that is now slow and now fast does less harm."""
        return median(self._ratios(name, base))

    def ratio_spread(self, name: str, base: str) -> str:
        """How sure ``ratio`` is, as text."""
        ratios = self._ratios(name, base)
        low, high = median_interval(ratios)
        sure = "with 95 % confidence" if len(ratios) >= _SURE_PAIRS else "in all"
        return f"{amount(low)} .. {amount(high)} {sure}, {len(ratios)} pairs"

    def _ratios(self, name: str, base: str) -> list[float]:
        pairs = zip(self.values[name], self.values[base], strict=True)
        return [value / of_base for value, of_base in pairs]

    def added(self, name: str, base: str) -> float:
        """The median of what a variant takes more than a base, round by round."""
        pairs = zip(self.values[name], self.values[base], strict=True)
        return median(value - of_base for value, of_base in pairs)

    def spread(self, name: str) -> str:
        """Median, smallest and largest of a variant, as text."""
        values = self.values[name]
        return (
            f"{name} {amount(median(values))} ({amount(min(values))} .. {amount(max(values))}, "
            f"{len(values)} times)"
        )


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Two of ``values``, between which the median of all that could have been measured lies with a
    confidence of 95 % at least, however it is distributed; of fewer than ``_SURE_PAIRS`` the
    extremes, which say less.

    Each value is above that median or not like a coin that is thrown: a binomial distribution.
    """
    ordered, count = sorted(values), len(values)
    rank = outcomes = 0
    while (outcomes := outcomes + comb(count, rank)) * 40 <= 2**count:  # 2.5 % on either side
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[count - rank]


def amount(value: float) -> str:
    """A number with as many digits as are worth reading."""
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3
    return f"{value:.{digits}f}"
