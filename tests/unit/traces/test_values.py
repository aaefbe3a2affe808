from __future__ import annotations

import pytest

from monitors.calls.lifecycle import MisuseKind
from traces.limits import TEXT_BYTES_MAX
from traces.tags import FieldKind, FieldSpec
from traces.values import field_checker

ALLOWED = {
    FieldKind.U64: [0, 2**64 - 1],
    FieldKind.U32: [0, 2**32 - 1],
    FieldKind.I32: [-(2**31), 2**31 - 1],
    FieldKind.BIT: [0, 1],
    FieldKind.WIDTH: [16, 32, 64],
    FieldKind.STATUS: [0, 3],
    FieldKind.RULE: [kind.value for kind in MisuseKind],
    FieldKind.DELTA: [-(2**63), 2**64 - 1],
    FieldKind.BYTES: [b"", b"x"],
    FieldKind.BYTES_OR_NIL: [None, b""],
    FieldKind.TEXT: [b"", b"x" * TEXT_BYTES_MAX],
}
REFUSED = {
    FieldKind.U64: [-1, 2**64, True, b"", None, 1.0],
    FieldKind.U32: [-1, 2**32, False],
    FieldKind.I32: [-(2**31) - 1, 2**31],
    FieldKind.BIT: [2, -1, True],
    FieldKind.WIDTH: [0, 8, 63],
    FieldKind.STATUS: [-1, 4],
    FieldKind.RULE: [0, len(MisuseKind) + 1],
    FieldKind.DELTA: [1.5, None, b"1", True],
    FieldKind.BYTES: [None, "x", 1, [b""]],
    FieldKind.BYTES_OR_NIL: ["x", 0],
    FieldKind.TEXT: ["x", b"x" * (TEXT_BYTES_MAX + 1)],
}


@pytest.mark.parametrize("kind", FieldKind)
def test_each_kind_takes_its_range_and_nothing_else(kind: FieldKind) -> None:
    check = field_checker((FieldSpec("part", kind),))
    assert [value for value in ALLOWED[kind] if check([1, value])] == []
    for value in REFUSED[kind]:
        assert "part" in check([1, value]), value


def test_missing_fields_are_counted() -> None:
    fields = (FieldSpec("a", FieldKind.U64), FieldSpec("b", FieldKind.U64))
    assert field_checker(fields)([1, 2]) == "2 fields expected, 1 found"


def test_further_fields_are_not_looked_at() -> None:
    assert field_checker((FieldSpec("a", FieldKind.U64),))([1, 2, "later"]) == ""
