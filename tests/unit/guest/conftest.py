"""Built guests for the tests of this folder; each is built once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.toolchain.build import build_guest
from replay.toolchain.compiler import BuildObserver
from replay.toolchain.programs import find_program


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of bindings objects that starts empty."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(path))
        yield path


@pytest.fixture(scope="session")
def built(
    cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str, str], tuple[Path, str]]:
    """Build a shipped program with a compiler for a target: the image, and what the compiler
    remarked."""
    directory = tmp_path_factory.mktemp("guests")
    done: dict[tuple[str, str, str], tuple[Path, str]] = {}

    def build(name: str, compiler: str = "gcc", target: str = "hvt") -> tuple[Path, str]:
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed: apt-get install {compiler} binutils")
        if (name, compiler, target) not in done:
            remarks: list[str] = []
            request = find_program(name).request(
                target, directory / f"{name}.{compiler}.{target}", compiler=compiler
            )
            image = build_guest(request, observer=BuildObserver(diagnostics=remarks.append))
            done[name, compiler, target] = (image, "".join(remarks))
        return done[name, compiler, target]

    return build
