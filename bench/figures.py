"""What a measurement came to, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

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
        pairs = zip(self.values[name], self.values[base], strict=True)
        return median(value / of_base for value, of_base in pairs)

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


def amount(value: float) -> str:
    """A number with as many digits as are worth reading."""
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3
    return f"{value:.{digits}f}"
