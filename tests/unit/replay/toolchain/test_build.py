"""Building guests: requests that cannot be met, and images that do not depend on the place."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from monitors.errors import MonitorError
from replay.toolchain import bindings, build
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.compiler import BuildObserver
from replay.toolchain.errors import BadRequest, StepFailed, ToolMissing
from replay.toolchain.programs import find_program

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)

APPLICATION = """\
#include "solo5.h"
#include "limit.h"
int solo5_app_main(const struct solo5_start_info *info) { (void)info; return LIMIT + EXTRA; }
"""
MANIFEST = '{"type": "solo5.manifest", "version": 1, "devices": []}'


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def make_request(directory: Path, text: str = APPLICATION) -> BuildRequest:
    """Write a small application into a folder and describe its build."""
    (directory / "include").mkdir(parents=True)
    (directory / "include" / "limit.h").write_text("#define LIMIT 3\n")
    (directory / "app.c").write_text(text)
    (directory / "manifest.json").write_text(MANIFEST)
    return BuildRequest(
        target="hvt",
        manifest=directory / "manifest.json",
        output=directory / "app.hvt",
        sources=(directory / "app.c",),
        include_dirs=(directory / "include",),
        defines=("EXTRA=4",),
    )


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
    images = []
    for name in ("here", "a/much/longer/path"):
        output = build_guest(make_request(tmp_path / name))
        images.append(output.read_bytes())
        assert [p.name for p in output.parent.iterdir() if p.name.startswith(".")] == []
    assert images[0] == images[1]
    assert str(tmp_path).encode() not in images[0]


@pytest.mark.slow
def test_the_same_bytes_from_another_guest_tree_and_an_empty_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = find_program("hello")
    first = build_guest(program.request("hvt", tmp_path / "first.hvt"))
    tree = tmp_path / "elsewhere" / "tree"
    shutil.copytree(bindings.guest_tree(), tree)
    for module in (bindings, build):
        monkeypatch.setattr(module, "guest_tree", lambda: tree)
    monkeypatch.setattr("replay.toolchain.programs.guest_tree", lambda: tree)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    moved = find_program("hello")
    assert moved.directory.is_relative_to(tree)
    second = build_guest(moved.request("hvt", tmp_path / "second.hvt"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_optimisation_and_definitions_reach_the_compiler(tmp_path: Path) -> None:
    request = make_request(tmp_path / "a")
    commands: list[list[str]] = []
    build_guest(
        dataclasses.replace(request, optimization="g"),
        observer=BuildObserver(command=lambda argv: commands.append(list(argv))),
    )
    (compilation,) = [argv for argv in commands if "app.c" in argv]
    assert {"-Og", "-DEXTRA=4"} <= set(compilation)


@pytest.mark.slow
def test_objects_can_be_linked_in(tmp_path: Path) -> None:
    request = make_request(tmp_path / "a")
    unit = tmp_path / "a" / "helper.S"
    unit.write_text(".globl helper\nhelper: ret\n")
    text = APPLICATION.replace("int solo5", "void helper(void);\nint solo5")
    request.sources[0].write_text(text.replace("(void)info;", "(void)info; helper();"))
    with pytest.raises(StepFailed, match="undefined reference to `helper'"):
        build_guest(request)
    sources = (*request.sources, unit)
    assert build_guest(dataclasses.replace(request, sources=sources)).is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "xen"}, "unknown target 'xen'"),
        ({"sources": ()}, "no source files"),
        ({"sources": (Path("x.py"),)}, "cannot be built in"),
        ({"sources": (Path("none.c"),)}, "none.c: no such file"),
        ({"optimization": "7"}, "optimization level '7'"),
        ({"manifest": Path("none.json")}, "none.json: cannot read the manifest"),
        ({"output": Path("/nonexistent/app.hvt")}, "cannot write /nonexistent/app.hvt"),
    ],
)
def test_a_request_that_cannot_be_met(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    request = make_request(tmp_path / "a")
    with pytest.raises(BadRequest, match=words):
        build_guest(dataclasses.replace(request, **change))
    assert not request.output.exists()


def test_a_missing_compiler(tmp_path: Path) -> None:
    request = dataclasses.replace(make_request(tmp_path / "a"), compiler="nonesuch-cc")
    with pytest.raises(ToolMissing):
        build_guest(request)


def test_a_wrong_source_leaves_the_old_image_alone(tmp_path: Path) -> None:
    request = make_request(tmp_path / "a", "int solo5_app_main(void) { return oops; }\n")
    request.output.write_text("old")
    with pytest.raises(StepFailed, match="oops"):
        build_guest(request)
    assert request.output.read_text() == "old"
    assert sorted(path.name for path in request.output.parent.iterdir()) == [
        "app.c",
        "app.hvt",
        "include",
        "manifest.json",
    ]


@pytest.mark.parametrize("manifest", ["{", '{"type": "solo5.manifest", "version": 2}', ""])
def test_a_wrong_manifest_is_refused_with_its_name(tmp_path: Path, manifest: str) -> None:
    request = make_request(tmp_path / "a")
    request.manifest.write_text(manifest)
    with pytest.raises(MonitorError, match=r"manifest\.json"):
        build_guest(request)
