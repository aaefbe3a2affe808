"""The host's compiler, linker and objcopy: finding them, their flags, running them.

Every object is independent of the folder it was built in: paths in the debug information are
rewritten, and neither time stamps nor build identifiers are written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.toolchain.errors import StepFailed, ToolMissing

# Debian's name of the package that holds a program.
_PACKAGES = {"ld": "binutils", "objcopy": "binutils"}

# Debian's gcc makes position-independent code and Ubuntu's marks branch targets unless told not
# to. The guard is a global variable: before the application sets a TLS base, %fs:0x28 traps.
_CODE_FLAGS = (
    "-std=gnu11",
    "-ffreestanding",
    "-fno-pie",
    "-fcf-protection=none",
    "-fstack-protector-strong",
    "-mstack-protector-guard=global",
    "-g",
    "-Wall",
)

# For the bindings only: they run before and inside traps, on whatever state the application left.
BINDINGS_FLAGS = (
    "-O2",
    "-Wextra",
    "-mno-sse",
    "-mno-mmx",
    "-mno-aes",
    "-mno-avx",
    "-mno-red-zone",
)

_LINK_FLAGS = (
    "-m",
    "elf_x86_64",
    "-nostdlib",
    "-static",
    "-no-pie",
    "--build-id=none",
    "-z",
    "max-page-size=0x1000",
    "-z",
    "noexecstack",
)

# The only names of the bindings that an application can see.
_PUBLIC_SYMBOLS = ("solo5_*", "_start*", "__stack_chk_guard", "__stack_chk_fail")


@dataclass(frozen=True, slots=True)
class BuildObserver:
    """Who is told about a build: each command before it runs, and what compilers remark."""

    command: Callable[[Sequence[str]], None] = lambda _argv: None
    diagnostics: Callable[[str], None] = lambda _text: None


@dataclass(frozen=True, slots=True)
class CompileJob:
    """One source file: where it is, how paths in it are rewritten, and what it needs."""

    source: Path
    output: Path
    directory: Path
    path_map: tuple[tuple[Path, str], ...]
    include_dirs: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiler:
    """The programs of one build; made by `find_compiler`."""

    cc: str
    ld: str
    objcopy: str
    version: str
    flags: tuple[str, ...]
    observer: BuildObserver

    def compile(self, job: CompileJob) -> Path:
        """Compile one C or assembly file into a relocatable object; StepFailed if refused."""
        maps = [f"-ffile-prefix-map={path}={name}" for path, name in job.path_map]
        includes = [f"-I{path}" for path in job.include_dirs]
        source = os.path.relpath(job.source, job.directory)
        flags = [*self.flags, *job.flags, *includes, *maps]
        self._run([self.cc, *flags, "-c", source, "-o", str(job.output)], job.directory)
        return job.output

    def join_bindings(self, objects: Sequence[Path], output: Path) -> Path:
        """Join the bindings into one object in which only the public names are global."""
        directory = output.parent
        self._run([self.ld, "-r", "-o", str(output), *map(str, objects)], directory)
        keep = [f"--keep-global-symbol={name}" for name in _PUBLIC_SYMBOLS]
        self._run([self.objcopy, "--wildcard", *keep, str(output)], directory)
        return output

    def link(self, objects: Sequence[Path], script: Path, output: Path) -> Path:
        """Link an image with a linker script; StepFailed if a symbol is missing."""
        self._run(
            [self.ld, *_LINK_FLAGS, "-T", str(script), "-o", str(output), *map(str, objects)],
            output.parent,
        )
        return output

    def _run(self, argv: list[str], directory: Path) -> None:
        self.observer.command(argv)
        stderr = _run(argv, directory)
        if stderr:
            self.observer.diagnostics(stderr)


def find_compiler(name: str, observer: BuildObserver) -> Compiler:
    """Find the programs of a build by name or path; ToolMissing if one is not installed."""
    cc = _find(name)
    version = _query([cc, "--version"])
    if "clang" in version:
        flags: tuple[str, ...] = (*_CODE_FLAGS, "-nostdlibinc")
    else:
        headers = _query([cc, "-print-file-name=include"]).strip()
        flags = (*_CODE_FLAGS, "-nostdinc", "-isystem", headers)
    return Compiler(cc, _find("ld"), _find("objcopy"), version, flags, observer)


def _find(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        name = Path(tool).name
        raise ToolMissing(tool, _PACKAGES.get(name, f"{name} binutils"))
    return path


def _query(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise StepFailed(argv, done.stderr, status=done.returncode)
    return done.stdout


def _run(argv: list[str], directory: Path) -> str:
    # gcc takes the folder it records from PWD where that names the current folder.
    environment = {"SOURCE_DATE_EPOCH": "0", **os.environ, "LC_ALL": "C", "PWD": str(directory)}
    done = subprocess.run(
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise StepFailed(argv, done.stderr, status=done.returncode)
    return done.stderr
