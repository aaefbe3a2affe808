"""What the fields of an event may hold, checked the same on writing and on reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traces.limits import TEXT_BYTES_MAX, U32_MAX, U64_MAX
from traces.tags import FieldKind, FieldSpec

_STATUS_MAX = 3  # solo5.h, SOLO5_R_EUNSPEC
_RULE_MAX = 11
_WIDTHS = frozenset((16, 32, 64))

_ALLOWS: Mapping[FieldKind, Callable[[Any], bool]] = {
    FieldKind.U64: lambda value: type(value) is int and 0 <= value <= U64_MAX,
    FieldKind.U32: lambda value: type(value) is int and 0 <= value <= U32_MAX,
    FieldKind.I32: lambda value: type(value) is int and -(2**31) <= value < 2**31,
    FieldKind.BIT: lambda value: type(value) is int and 0 <= value <= 1,
    FieldKind.WIDTH: lambda value: type(value) is int and value in _WIDTHS,
    FieldKind.STATUS: lambda value: type(value) is int and 0 <= value <= _STATUS_MAX,
    FieldKind.RULE: lambda value: type(value) is int and 1 <= value <= _RULE_MAX,
    FieldKind.DELTA: lambda value: type(value) is int,
    FieldKind.BYTES: lambda value: type(value) is bytes,
    FieldKind.BYTES_OR_NIL: lambda value: value is None or type(value) is bytes,
    FieldKind.TEXT: lambda value: type(value) is bytes and len(value) <= TEXT_BYTES_MAX,
}


def field_checker(fields: Sequence[FieldSpec]) -> Callable[[Sequence[object]], str]:
    """A function that says what is wrong with the fields behind the tag of an array, or nothing.

    Further fields at the end belong to a later minor version and are not looked at.
    """
    count = len(fields)
    slots = tuple((slot, _ALLOWS[field.kind], field) for slot, field in enumerate(fields, start=1))

    def check(array: Sequence[object]) -> str:
        if len(array) <= count:
            return f"{count} fields expected, {len(array) - 1} found"
        for slot, allows, field in slots:
            if not allows(array[slot]):
                return f"{field.name} is not {field.kind.value}"
        return ""

    return check
