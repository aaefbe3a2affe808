from __future__ import annotations

from pathlib import Path

from monitors.calls import ALL_CALLS
from traces.limits import EVENT_FIELDS_MAX
from traces.tags import DELTA_TAGS, SPEC_OF, SPECS, FieldKind, render_table

SNAPSHOT = Path(__file__).parents[2] / "golden" / "event-tags.txt"


def test_table_is_the_committed_one() -> None:
    """Tags are never used anew, fields only appended: docs/trace-format.md has the rules."""
    assert render_table() == SNAPSHOT.read_text()


def test_every_call_has_one_tag() -> None:
    assert set(SPEC_OF) == set(ALL_CALLS)
    assert len(SPECS) == len(SPEC_OF)


def test_every_event_fits_the_shortest_array_head() -> None:
    assert all(len(spec.fields) < EVENT_FIELDS_MAX for spec in SPECS.values())


def test_delta_tags_are_those_with_a_delta() -> None:
    found = {tag for tag, spec in SPECS.items() if FieldKind.DELTA in {f.kind for f in spec.fields}}
    assert found == DELTA_TAGS
