"""The C sources shipped with the project, and the bindings object of a target made from them.

The object depends on the sources, the compiler and the flags only, so it is kept in a per-user
cache under a name made of all three.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib import resources
from pathlib import Path

from replay.toolchain.compiler import BINDINGS_FLAGS, CompileJob, Compiler
from replay.toolchain.errors import BadRequest

# The folders below guest/bindings whose files belong to a target, besides the shared ones.
TARGETS: dict[str, tuple[str, ...]] = {
    "hvt": ("x86_64", "x86_64/bare", "hvt"),
    "spt": ("x86_64", "spt"),
}

# What the guest tree is called in debug information, wherever it really lies. Absolute, because
# readers of DWARF join relative names with the folder of the compilation, each in its own way.
TREE_NAME = "/guest"

_LANDMARK = ("include", "solo5.h")


def guest_tree() -> Path:
    """Find the folder with headers, bindings and programs; BadRequest if it is not there.

    It lies beside this package, in a checkout as in an installation, unless the installer chose
    another place for it.
    """
    for tree in (Path(__file__).resolve().parents[2] / "guest", _installed_tree()):
        if tree is not None and tree.joinpath(*_LANDMARK).is_file():
            return tree
    raise BadRequest(
        "the guest headers and bindings are not installed; install solo5-replay again, "
        "or run it from its checkout"
    )


def _installed_tree() -> Path | None:
    try:
        landmark = resources.files("guest").joinpath(*_LANDMARK)
    except (ModuleNotFoundError, TypeError, OSError):
        return None  # not importable, or an editable installation's stand-in for a folder
    return Path(str(landmark)).resolve().parents[1]


def linker_script(target: str) -> Path:
    """Give the linker script of a target."""
    return guest_tree() / "bindings" / target / f"solo5_{target}.lds"


def bindings_object(target: str, compiler: Compiler, scratch: Path) -> Path:
    """Give the bindings of a target as one object, compiled unless it is in the cache."""
    sources = _sources(target)
    cached = _cache_directory(_key(sources, compiler)) / f"solo5_{target}.o"
    if cached.is_file():
        return cached
    built = _compile_bindings(sources, target, compiler, scratch)
    return _store(built, cached)


def _sources(target: str) -> list[Path]:
    """All files of which the object is made, compiled or included, in a fixed order."""
    root = guest_tree()
    bindings = root / "bindings"
    folders = [root / "freestanding", bindings, *(bindings / name for name in TARGETS[target])]
    return [path for folder in folders for path in sorted(folder.glob("*.[chS]"))]


def _key(sources: list[Path], compiler: Compiler) -> str:
    digest = hashlib.sha256()
    for text in (compiler.cc, compiler.version, *compiler.flags, *BINDINGS_FLAGS):
        digest.update(text.encode() + b"\0")
    for path in [*sources, *sorted((guest_tree() / "include").glob("*.h")), Path(__file__)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _cache_directory(key: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "solo5-replay" / "bindings" / key


def _compile_bindings(sources: list[Path], target: str, compiler: Compiler, scratch: Path) -> Path:
    root = guest_tree()
    bindings = root / "bindings"
    include_dirs = (
        root / "include",
        root / "freestanding",
        bindings,
        *(bindings / name for name in TARGETS[target]),
    )
    objects = []
    for number, source in enumerate(path for path in sources if path.suffix in {".c", ".S"}):
        job = CompileJob(
            source=source,
            output=scratch / f"bindings-{number}.o",
            directory=root,
            path_map=((root, TREE_NAME),),
            include_dirs=include_dirs,
            flags=BINDINGS_FLAGS,
        )
        objects.append(compiler.compile(job))
    return compiler.join_bindings(objects, scratch / f"solo5_{target}.o")


def _store(built: Path, cached: Path) -> Path:
    """Put an object into the cache in one step; a cache that cannot be written is no error."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cached.parent, delete=False) as copy:
            copy.write(built.read_bytes())
        Path(copy.name).replace(cached)
    except OSError:
        return built
    return cached
