"""Older format versions brought to the present one, a step for each major version; and refusals.

A minor version only adds what older readers may pass over, so that only majors need steps. A step
changes the header's map and the arrays of a block of events; a trace is never rewritten in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from traces.errors import WrongVersion
from traces.header import VERSION
from traces.preamble import Preamble

PlainMap = dict[str, object]
EventArray = list[object]

RELEASES: Mapping[int, str] = {1: "0.1.0"}
"""The first release that writes each major version."""


@dataclass(frozen=True, slots=True)
class Step:
    """From one major version to the next: the header's map, the summary's, one block's events."""

    header: Callable[[PlainMap], PlainMap]
    summary: Callable[[PlainMap], PlainMap]
    events: Callable[[Iterable[EventArray]], Iterable[EventArray]]


@dataclass(frozen=True, slots=True)
class Migrations:
    """The version that readers expect, and the step that leaves each older major version."""

    current: tuple[int, int] = VERSION
    steps: Mapping[int, Step] = field(default_factory=dict)

    def plan(self, preamble: Preamble) -> tuple[Step, ...]:
        """The steps that a trace needs, in order; raises WrongVersion when there is no way."""
        major, minor = preamble.version
        if major > self.current[0]:
            raise WrongVersion(
                f"format version {major}.{minor} is newer than {self.current[0]}.x, "
                "which this program reads",
                hint=f"it was written by {preamble.created_by!r}; read it with that or a later one",
            )
        missing = [step for step in range(major, self.current[0]) if step not in self.steps]
        if missing:
            raise WrongVersion(
                f"format version {major}.{minor} is too old for this program",
                hint=f"solo5-replay {RELEASES.get(major, 'of that time')} reads it",
            )
        return tuple(self.steps[step] for step in range(major, self.current[0]))


MIGRATIONS = Migrations()
"""The steps of this release."""


def migrate_header(values: PlainMap, steps: Iterable[Step]) -> PlainMap:
    """A header's map in the present version."""
    for step in steps:
        values = step.header(values)
    return values


def migrate_summary(values: PlainMap, steps: Iterable[Step]) -> PlainMap:
    """A summary's map in the present version."""
    for step in steps:
        values = step.summary(values)
    return values


def migrate_events(arrays: Iterable[EventArray], steps: Iterable[Step]) -> Iterable[EventArray]:
    """The events of one block in the present version."""
    for step in steps:
        arrays = step.events(arrays)
    return arrays
