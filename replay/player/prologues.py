"""Where a function's own code begins, behind what makes its frame.

The places are those that gdb 13 chooses, so that a breakpoint is at the same instruction in both.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from replay.player.debug_lines import Row
from replay.player.scopes import UNIT_INFO_BYTES_MAX

_BRANCH_TARGET = bytes.fromhex("f30f1efa")  # endbr64
_PUSH_FRAME = b"\x55"  # push %rbp
_SET_FRAME = (b"\x48\x89\xe5", b"\x48\x8b\xec")  # mov %rsp,%rbp
_LISTED_LOCATIONS = ("DW_FORM_loclistx", "DW_FORM_sec_offset")


class Manners(enum.Enum):
    """What can be relied upon in the code that a compiler made."""

    PLAIN = "variables are in the frame, once it is there"
    SECOND_ROW = "the second row of a function is behind the making of its frame"
    LOCATED = "variables are described at every instruction"


def manners_of(unit: Any) -> Manners:
    """The manners of a compilation unit's compiler, by its name and by what it wrote."""
    maker = unit.get_top_DIE().attributes.get("DW_AT_producer")
    name = b"" if maker is None else maker.value
    if b"clang" in name:
        return Manners.SECOND_ROW
    if name.startswith(b"GNU ") and _has_location_lists(unit):
        return Manners.LOCATED
    return Manners.PLAIN


def body_address(start: int, rows: Sequence[Row], code: bytes, manners: Manners) -> int:
    """Where to stop in the function at ``start`` with these line rows and instructions."""
    if manners is Manners.LOCATED:
        return start
    if manners is Manners.SECOND_ROW and rows[0].is_shared:
        return start  # a second row at once: there is nothing between them
    behind = [row for row in rows if row.address > start]
    if manners is Manners.SECOND_ROW:
        return _first_not_earlier(rows[0], behind) or start
    made = start + _frame_bytes(code)
    if made == start or any(row.address == made for row in rows):
        return made
    return next((row.address for row in behind if row.address > made), made)


def _first_not_earlier(first: Row, behind: Sequence[Row]) -> int:
    """A compiler may have moved a part of what is before the function's line in between."""
    for row in behind:
        if row.line >= first.line or row.path != first.path:
            return row.address
    return 0


def _frame_bytes(code: bytes) -> int:
    """How many bytes at the beginning make the frame; 0 if there is none."""
    marked = len(_BRANCH_TARGET) if code.startswith(_BRANCH_TARGET) else 0
    if not code.startswith(_PUSH_FRAME, marked):
        return 0
    pushed = marked + len(_PUSH_FRAME)
    return pushed + 3 if code.startswith(_SET_FRAME, pushed) else pushed


def _has_location_lists(unit: Any) -> bool:
    """Whether any of its variables is in different places at different instructions."""
    if unit["unit_length"] > UNIT_INFO_BYTES_MAX:
        return False
    locations = (entry.attributes.get("DW_AT_location") for entry in unit.iter_DIEs())
    return any(found is not None and found.form in _LISTED_LOCATIONS for found in locations)
