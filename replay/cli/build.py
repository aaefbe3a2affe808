"""The solo5-build command: C sources and a manifest in, a guest out."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.toolchain.build import BuildRequest
    from replay.toolchain.compiler import BuildObserver

_EXAMPLES = """\
examples:
  solo5-build -t hvt -m manifest.json -o app.hvt app.c
      build one file with gcc, optimised (-O2), with debug information
  solo5-build -t hvt -m manifest.json -o app.hvt main.c list.c -I include -DLIMIT=10 -O 0
      several files, a folder of headers, a definition, no optimisation
  solo5-build -t hvt -m manifest.json -o app.hvt --cc clang -v app.c
      build with clang and show every command
  solo5-build -t spt --program hello -o hello.spt
      for another target, one of the programs that come with solo5-replay

The bindings provide the functions of solo5.h only; memcpy and its like are the application's.
"""


def main(argv: list[str] | None = None) -> int:
    """Build a guest; the result is the exit status: 0 built, 1 refused, 2 wrong usage."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.program is None and (arguments.manifest is None or not arguments.sources):
        parser.error("name a manifest (-m) and source files, or one of our programs (--program)")
    if arguments.program is not None and (arguments.manifest or arguments.sources):
        parser.error("--program has its own manifest and source files; name neither")
    from monitors.errors import MonitorError
    from replay.toolchain.build import build_guest
    from replay.toolchain.errors import ToolchainError

    try:
        build_guest(_request(arguments), observer=_observer(verbose=arguments.verbose))
    except (ToolchainError, MonitorError) as error:
        print(f"solo5-build: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="solo5-build",
        description="Build a Solo5 unikernel from C sources and a manifest.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-t", "--target", required=True, help="Solo5 target: hvt or spt")
    add("-m", "--manifest", type=Path, metavar="JSON", help="devices it needs")
    add("-o", "--output", required=True, type=Path, metavar="IMAGE", help="the guest to write")
    add("-I", dest="include_dirs", action="append", default=[], type=Path, metavar="DIR",
        help="folder of headers; may be repeated")  # fmt: skip
    add("-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]",
        help="preprocessor definition; may be repeated")  # fmt: skip
    add("-O", dest="optimization", default="2", metavar="LEVEL",
        help="optimisation level: 0 1 2 3 s g (default 2)")  # fmt: skip
    add("--cc", default="gcc", metavar="COMPILER", help="gcc or clang, by name or path")
    add("-v", "--verbose", action="store_true", help="show every command")
    add("--program", metavar="NAME", help="build this one of the shipped programs")
    add("sources", nargs="*", type=Path, metavar="SOURCE", help=".c .S .s, or .o .a to link in")
    return parser


def _request(arguments: argparse.Namespace) -> BuildRequest:
    from replay.toolchain.build import BuildRequest
    from replay.toolchain.programs import find_program

    sources, manifest = tuple(arguments.sources), arguments.manifest
    include_dirs = tuple(arguments.include_dirs)
    if arguments.program is not None:
        program = find_program(arguments.program)
        sources, manifest = program.sources(), program.manifest
        include_dirs += program.include_dirs()
    return BuildRequest(
        target=arguments.target,
        manifest=manifest,
        output=arguments.output,
        sources=sources,
        include_dirs=include_dirs,
        defines=tuple(arguments.defines),
        optimization=arguments.optimization,
        compiler=arguments.cc,
    )


def _observer(*, verbose: bool) -> BuildObserver:
    from replay.toolchain.compiler import BuildObserver

    def show_command(argv: Sequence[str]) -> None:
        print(shlex.join(argv), file=sys.stderr)

    def show_remarks(text: str) -> None:
        print(text, end="", file=sys.stderr)

    if verbose:
        return BuildObserver(command=show_command, diagnostics=show_remarks)
    return BuildObserver(diagnostics=show_remarks)


if __name__ == "__main__":
    sys.exit(main())
