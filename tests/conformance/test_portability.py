"""No program is suspected of what it does not do: constants are not taken for instructions."""

from __future__ import annotations

import pytest

from monitors.elf import read_image
from replay.engines.known_code import known_code
from replay.engines.portability import scan
from replay.testing.cases import GuestShelf
from replay.toolchain.programs import all_programs


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_only_the_program_that_uses_vectors_is_warned_of(shelf: GuestShelf, target: str) -> None:
    suspected = {}
    for program in all_programs():
        if program.why_not(target):
            continue  # nobody builds it
        elf = shelf.guest(program, target)
        found = scan(read_image(elf, name=program.name), known_code(elf))
        if found:
            suspected[program.name] = {each.text[:1] for each in found}
    assert suspected == {"simd": {"v"}}
