"""No program is suspected of what it does not do: constants are not taken for instructions. And all
hosts see the same in it, with compiled help or without."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from monitors.elf import read_image
from monitors.ports import GuestImage
from replay.engines.known_code import known_code
from replay.engines.portability import scan
from replay.engines.sites import Site
from replay.engines.survey import PURE_PYTHON_VARIABLE
from replay.engines.sweep import sweep
from replay.testing.cases import GuestShelf
from replay.toolchain.programs import all_programs


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_only_the_program_that_uses_vectors_is_warned_of(shelf: GuestShelf, target: str) -> None:
    suspected = {}
    for name, elf in _guests(shelf, target):
        found = scan(read_image(elf, name=name), known_code(elf))
        if found:
            suspected[name] = {each.text[:1] for each in found}
    assert suspected == {"simd": {"v"}}


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("replay.engines._survey") is None, reason="the survey is not compiled here"
)
@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_compiled_or_not_the_same_is_found(
    shelf: GuestShelf, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, elf in _guests(shelf, target):
        image, known = read_image(elf, name=name), known_code(elf)
        monkeypatch.setenv(PURE_PYTHON_VARIABLE, "")
        sites, found = _sites(image), scan(image, known)
        monkeypatch.setenv(PURE_PYTHON_VARIABLE, "1")
        assert sites == _sites(image), name
        assert found == scan(image, known), name
        assert sites, name


def _guests(shelf: GuestShelf, target: str) -> Iterator[tuple[str, bytes]]:
    for program in all_programs():
        if not program.why_not(target):  # else nobody builds it
            yield program.name, shelf.guest(program, target)


def _sites(image: GuestImage) -> list[Site]:
    """Those in the guest's text, as engines look for them."""
    text = max(image.segments, key=lambda each: each.gpa <= image.entry and each.gpa)
    return sweep(text.data, text.gpa, [image.entry])
