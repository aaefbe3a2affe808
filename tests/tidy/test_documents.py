"""The documents against the tree: paths that they name exist, commands that they show are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("guest/**/*.md")],
)
PATH = re.compile(r"`((?:monitors|traces|replay|guest|tests|bench|docs|scripts)/[\w./-]*[\w/])`")
PROGRAM = re.compile(r"\bsolo5-(?:record|replay|trace|build|elftool)\b")
MAKE = re.compile(r"`?make ([a-z]+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    missing = [name for name in PATH.findall(document.read_text()) if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_make_targets_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in MAKE.findall(document.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_all_programs_are_installed_by_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    mentioned = set(PROGRAM.findall((ROOT / "README.md").read_text()))
    assert mentioned
    for program in mentioned:
        assert f"{program} = " in project


def test_local_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
