"""What is compiled is compiled again when anything that it includes changes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def extensions() -> Sequence[Mapping[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return project["tool"]["setuptools"]["ext-modules"]  # type: ignore[no-any-return]


def included(source: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """The headers of ours that a source includes, and theirs."""
    for name in _INCLUDE.findall(source.read_text()):
        places = [folder / name for folder in (source.parent, *folders)]
        header = next(place for place in places if place.is_file())
        yield header
        yield from included(header, folders)


@pytest.mark.parametrize("extension", extensions(), ids=lambda extension: extension["name"])
def test_an_extension_depends_on_all_headers_that_it_includes(
    extension: Mapping[str, Any],
) -> None:
    folders = [ROOT / folder for folder in extension.get("include-dirs", ())]
    found = {
        header for source in extension["sources"] for header in included(ROOT / source, folders)
    }
    assert {str(header.relative_to(ROOT)) for header in found} == set(extension["depends"])


def test_the_set_up_is_made_again_when_a_c_file_changes() -> None:
    rule = re.search(
        r"^\.venv/\.ready:((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert rule
    patterns = [word.strip("()\\") for word in rule[1].split() if word not in ("$(wildcard", "\\")]
    made = {path for pattern in patterns for path in ROOT.glob(pattern)}
    for extension in extensions():
        assert {ROOT / name for name in (*extension["sources"], *extension["depends"])} <= made
