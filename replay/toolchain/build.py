"""Turns C sources and a manifest into a guest: one ELF image for one Solo5 target."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from replay.toolchain.bindings import (
    TARGETS,
    TREE_NAME,
    bindings_object,
    guest_tree,
    linker_script,
)
from replay.toolchain.compiler import BuildObserver, CompileJob, Compiler, find_compiler
from replay.toolchain.errors import BadRequest

_COMPILED_SUFFIXES = frozenset({".c", ".S", ".s"})
_LINKED_SUFFIXES = frozenset({".o", ".a"})
_OPTIMIZATIONS = frozenset({"0", "1", "2", "3", "s", "g"})


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build: sources are .c, .S and .s files, or .o and .a files to be linked in.

    `manifest` is the JSON file; `optimization` is what follows -O on a compiler's command line;
    `defines` are NAME or NAME=VALUE.
    """

    target: str
    manifest: Path
    output: Path
    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    optimization: str = "2"
    compiler: str = "gcc"


def build_guest(request: BuildRequest, *, observer: BuildObserver | None = None) -> Path:
    """Build the guest and give its path; the same sources give the same bytes anywhere.

    Raises BadRequest, ToolMissing or StepFailed. The output is written in one step, or not at all.
    """
    _check(request)
    compiler = find_compiler(request.compiler, observer or BuildObserver())
    output = request.output.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=".solo5-build-", dir=output.parent) as name:
            scratch = Path(name).resolve()
            objects = _compile_sources(request, compiler, scratch)
            objects.append(_compile_manifest(request, compiler, scratch))
            objects.append(bindings_object(request.target, compiler, scratch))
            image = compiler.link(objects, linker_script(request.target), scratch / "image")
            image.replace(output)
    except OSError as error:
        raise BadRequest(f"cannot write {request.output}: {error.strerror}") from error
    return request.output


def _check(request: BuildRequest) -> None:
    if request.target not in TARGETS:
        known = ", ".join(sorted(TARGETS))
        raise BadRequest(f"unknown target {request.target!r}; this release builds for: {known}")
    if request.optimization not in _OPTIMIZATIONS:
        known = ", ".join(sorted(_OPTIMIZATIONS))
        raise BadRequest(f"unknown optimization level {request.optimization!r}; use one of {known}")
    if not request.sources:
        raise BadRequest("no source files; name at least the one that has solo5_app_main()")
    for path in request.sources:
        _check_source(path)


def _check_source(path: Path) -> None:
    if path.suffix not in _COMPILED_SUFFIXES | _LINKED_SUFFIXES:
        raise BadRequest(f"{path}: cannot be built in; sources end in .c, .S, .s, .o or .a")
    if not path.is_file():
        raise BadRequest(f"{path}: no such file")


def _compile_sources(request: BuildRequest, compiler: Compiler, scratch: Path) -> list[Path]:
    sources = [path.resolve() for path in request.sources]
    base = Path(os.path.commonpath([path.parent for path in sources]))
    include_dirs = tuple(path.resolve() for path in request.include_dirs)
    flags = (f"-O{request.optimization}", *(f"-D{define}" for define in request.defines))
    objects = []
    for number, source in enumerate(sources):
        if source.suffix in _LINKED_SUFFIXES:
            objects.append(source)
            continue
        job = CompileJob(
            source=source,
            output=scratch / f"source-{number}.o",
            directory=base,
            path_map=_path_map(base, include_dirs),
            include_dirs=(guest_tree() / "include", *include_dirs),
            flags=flags,
        )
        objects.append(compiler.compile(job))
    return objects


def _path_map(base: Path, include_dirs: tuple[Path, ...]) -> tuple[tuple[Path, str], ...]:
    """How folders are called in the image: relative to the sources, or `/guest` for ours."""
    tree = guest_tree()
    named = [(path, path.name) for path in include_dirs if not path.is_relative_to(base)]
    if base.is_relative_to(tree):
        return (*named, (tree, TREE_NAME))
    return (*named, (base, "."), (tree, TREE_NAME))


def _compile_manifest(request: BuildRequest, compiler: Compiler, scratch: Path) -> Path:
    from replay.toolchain.manifest_source import load_manifest_json, manifest_c_source

    try:
        text = request.manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{request.manifest}: cannot read the manifest: {error}") from error
    manifest = load_manifest_json(text, origin=str(request.manifest))
    source = scratch / "manifest.c"
    source.write_text(manifest_c_source(manifest), encoding="utf-8")
    job = CompileJob(
        source=source,
        output=scratch / "manifest.o",
        directory=scratch,
        path_map=((scratch, "."), (guest_tree(), TREE_NAME)),
        include_dirs=(guest_tree() / "include",),
        flags=("-O2",),
    )
    return compiler.compile(job)
