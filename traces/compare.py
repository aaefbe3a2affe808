"""The first difference of two traces: of what was run, of what happened, of how it ended."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from traces.events import Event, describe_result
from traces.header import Header, header_to_map
from traces.reader import Trace
from traces.summary import Summary, summary_to_map

INCIDENTAL = frozenset(("format", "version", "created_by", "recorded_at_ns", "host", "options"))
"""Parts of a header that say nothing of the run itself."""

_ABSENT = "nothing"


class Where(enum.Enum):
    """In which part of two traces their first difference lies."""

    HEADER = "header"
    EVENT = "event"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Difference:
    """``name`` is the header's key, the event's number or the summary's key."""

    where: Where
    name: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.where.value} {self.name}: {self.left} against {self.right}"


def compare(left: Trace, right: Trace) -> Difference | None:
    """The first difference, or None for two records of the same run; may raise DamagedTrace."""
    return (
        compare_headers(left.header, right.header)
        or _compare_events(left, right)
        or _compare_outcomes(left.summary, right.summary)
    )


def compare_headers(left: Header, right: Header) -> Difference | None:
    """The first difference in what was run and how."""
    return _compare_maps(Where.HEADER, *(_essentials(header) for header in (left, right)))


def header_leaves(header: Header) -> dict[str, str]:
    """Every single value of a header as text, by its dotted name (``guest.size``)."""
    return dict(_leaves("", header_to_map(header)))


def _essentials(header: Header) -> dict[str, str]:
    kept = {key: part for key, part in header_to_map(header).items() if key not in INCIDENTAL}
    return dict(_leaves("", kept))


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, part in value.items():
                yield from _leaves(f"{name}.{key}" if name else str(key), part)
        case list():
            for at, part in enumerate(value):
                yield from _leaves(f"{name}[{at}]", part)
        case bytes():
            yield name, value.hex() if name.endswith("sha256") else repr(value)
        case _:
            yield name, repr(value)


def _compare_maps(
    where: Where, left: Mapping[str, str], right: Mapping[str, str]
) -> Difference | None:
    for name in (*left, *right):
        values = left.get(name, _ABSENT), right.get(name, _ABSENT)
        if values[0] != values[1]:
            return Difference(where, name, *values)
    return None


def _compare_events(left: Trace, right: Trace) -> Difference | None:
    for index, (ours, theirs) in enumerate(zip_longest(left.events(), right.events())):
        if ours != theirs:
            return Difference(Where.EVENT, str(index), _shown(ours), _shown(theirs))
    return None


def _shown(event: Event | None) -> str:
    return _ABSENT if event is None else f"{event.call} -> {describe_result(event.result)}"


def _compare_outcomes(left: Summary | None, right: Summary | None) -> Difference | None:
    ours, theirs = (
        {} if summary is None else dict(_leaves("", summary_to_map(summary)))
        for summary in (left, right)
    )
    return _compare_maps(Where.OUTCOME, ours, theirs)
