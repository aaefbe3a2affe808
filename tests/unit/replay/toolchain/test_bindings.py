"""The guest tree, and the cache of bindings objects."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.toolchain import bindings
from replay.toolchain.bindings import bindings_object, guest_tree, linker_script
from replay.toolchain.compiler import BuildObserver, Compiler, find_compiler
from replay.toolchain.errors import BadRequest

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def counting_compiler(commands: list[Sequence[str]]) -> Compiler:
    return find_compiler("gcc", BuildObserver(command=commands.append))


def test_the_tree_has_headers_and_the_script_of_every_target() -> None:
    assert (guest_tree() / "include" / "solo5.h").is_file()
    for target in bindings.TARGETS:
        assert linker_script(target).is_file()


def elsewhere(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the package lies in a folder without a guest tree beside it."""
    monkeypatch.setattr(bindings, "__file__", str(directory / "a" / "b" / "c.py"))


def test_the_tree_lies_beside_the_package() -> None:
    assert guest_tree() == Path(bindings.__file__).resolve().parents[2] / "guest"


def test_a_tree_in_another_place_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "other" / "guest"
    (tree / "include").mkdir(parents=True)
    (tree / "include" / "solo5.h").touch()
    elsewhere(tmp_path, monkeypatch)
    monkeypatch.setattr(bindings.resources, "files", lambda _name: tree)
    assert guest_tree() == tree.resolve()


@pytest.mark.parametrize("error", [ModuleNotFoundError, NotADirectoryError, TypeError])
def test_a_tree_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def absent(name: str) -> Path:
        raise error(name)

    elsewhere(tmp_path, monkeypatch)
    monkeypatch.setattr(bindings.resources, "files", absent)
    with pytest.raises(BadRequest, match="not installed"):
        guest_tree()


@pytest.mark.slow
def test_bindings_are_compiled_once(cache: Path, tmp_path: Path) -> None:
    commands: list[Sequence[str]] = []
    compiler = counting_compiler(commands)
    first = bindings_object("hvt", compiler, tmp_path)
    assert commands
    assert first.is_relative_to(cache)
    commands.clear()
    assert bindings_object("hvt", compiler, tmp_path) == first
    assert not commands


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    built = bindings_object("hvt", counting_compiler([]), tmp_path)
    assert built == tmp_path / "solo5_hvt.o"
    assert built.is_file()


@pytest.mark.slow
def test_changed_bindings_are_compiled_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "guest"
    shutil.copytree(guest_tree(), tree, ignore=shutil.ignore_patterns("programs"))
    monkeypatch.setattr(bindings, "guest_tree", lambda: tree)
    compiler = counting_compiler([])
    before = bindings_object("hvt", compiler, tmp_path)
    source = tree / "bindings" / "log.c"
    source.write_text(source.read_text().replace("LINE_SIZE 320", "LINE_SIZE 160"))
    after = bindings_object("hvt", compiler, tmp_path)
    assert after.is_relative_to(cache)
    assert before.read_bytes() != after.read_bytes()
