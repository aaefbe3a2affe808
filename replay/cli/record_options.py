"""The command line of solo5-record: that of a tender, and a few options for the recording.

Everything up to the first word that is no option belongs to solo5-record; that word is the guest's
file, and all words behind it are the guest's. ``--`` may stand before the file.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from replay.cli.attempt_options import (
    VALUED_ATTEMPT_OPTIONS,
    AttemptOptions,
    add_attempt_options,
    attempt_options,
)
from replay.cli.chaos_options import ChaosOptions, add_chaos_options, chaos_options
from replay.cli.device_options import (
    BadDeviceOption,
    DeviceOptions,
    device_options,
    is_device_option,
)
from replay.cli.engine_options import ENGINE_HELP
from replay.version import VERSION

_PROGRAM = "solo5-record"
_DEFAULT_MEM_MIB = 512
_MEBIBYTES = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_EXAMPLES = """\
examples:
  solo5-record app.hvt
      record into app.mp (or app.2.mp, … : nothing is ever overwritten)
  solo5-record -o crash.mp --mem=64 app.hvt --solo5:quiet verbose
      64 MiB of memory; everything after the guest's file is the guest's
  solo5-record --net:service=tap0 --block:storage=disk.img -- app.hvt
      devices, by the names in the guest's manifest
  solo5-record --block:storage=disk.img --block-overlay app.hvt
      the guest may write, and disk.img stays as it is
  solo5-record --gdb app.hvt
      debug it forward while it is recorded; its recording can be debugged backward, too
  solo5-record --tui app.hvt
      look at it while it runs, and go back in it; Space pauses and follows
  solo5-record --until-failure 100 --timeout 60 --self-check app.hvt
      run it until it fails, keep the trace of that run alone, and replay it once
  solo5-record --chaos --until-failure 100 app.hvt
      the same in a world of late waits, jumping clocks, lost frames and failing disks
  solo5-replay app.mp
      run it again, exactly

exit status: the guest's own; 1 when the guest, an option or a device is refused; 124 when --timeout
has passed; 125 when the trace cannot be written or this machine cannot run the guest; for spt
guests 128 and a signal's number where a tender would die of it: 139 for a fault in memory, 159 for
a forbidden system call
"""
_EXECUTABLE_HEAP = "--x-exec-heap"  # whatever follows in the word means nothing
_VALUED = frozenset(
    ("-o", "--output", "--mem", "--engine", "--cpu", "--chaos-seed", *VALUED_ATTEMPT_OPTIONS)
)
_OLD_SPELLINGS = (
    (re.compile(r"--disk(=.*)?", re.DOTALL), "--block:NAME=FILE"),
    (re.compile(r"--net(=.*)?", re.DOTALL), "--net:NAME=TAP"),
    (re.compile(r"--net-mac(=.*)?", re.DOTALL), "--net-mac:NAME=MAC"),
    (re.compile(r"--block(=.*)?", re.DOTALL), "--block:NAME=FILE"),
    (re.compile(r"--block-sector-size(=.*)?", re.DOTALL), "--block-sector-size:NAME=N"),
    (re.compile(r"--dumpcore=?"), "--dumpcore=DIR"),
)


class BadCommandLine(Exception):
    """A command line that cannot be followed; ``guest`` is the file that it names, if it does."""

    def __init__(self, what: str, guest: str | None = None) -> None:
        self.what = what
        self.guest = guest
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """All that the command line says; memory in MiB."""

    guest: str
    guest_arguments: tuple[str, ...]
    devices: DeviceOptions
    mem_mib: int
    output: Path | None
    core_folder: Path | None
    engine: str
    cpu: str
    embed: bool
    strict: bool
    executable_heap: bool
    gdb: str | None
    tui: bool
    quiet: bool
    verbose: bool
    attempts: AttemptOptions = field(default_factory=AttemptOptions)
    chaos: ChaosOptions = field(default_factory=ChaosOptions)

    def traces(self) -> Iterator[Path]:
        """The file to record into, or those of which the first that does not exist is meant."""
        if self.output is not None:
            yield self.output
            return
        stem = Path(self.guest).stem
        yield Path(f"{stem}.mp")
        yield from (Path(f"{stem}.{number}.mp") for number in itertools.count(2))


def parse_command_line(words: Sequence[str]) -> RecordOptions:
    """Raises BadCommandLine; ``--help`` and ``--version`` print and raise SystemExit."""
    options, devices, rest = _split(words)
    guest = rest[0] if rest else None
    try:
        for word in options:
            _refuse_old_spelling(word)
        given = _parser().parse_args(options)
        if guest is None:
            raise BadCommandLine("which guest? (the file of a unikernel is missing)")
        if given.tui and given.gdb is not None:
            raise BadCommandLine("invalid options: --tui goes without --gdb")
        return RecordOptions(
            guest=guest,
            guest_arguments=tuple(rest[1:]),
            devices=device_options(devices, overlay_all=given.block_overlay),
            mem_mib=given.mem,
            output=Path(given.output) if given.output else None,
            core_folder=Path(given.dumpcore) if given.dumpcore else None,
            engine=given.engine,
            cpu=given.cpu,
            embed=not given.no_embed,
            strict=given.strict,
            executable_heap=given.x_exec_heap,
            gdb=given.gdb,
            tui=given.tui,
            quiet=given.quiet,
            verbose=given.verbose,
            attempts=attempt_options(given),
            chaos=chaos_options(given),
        )
    except (BadCommandLine, BadDeviceOption, ValueError) as error:
        raise BadCommandLine(str(error), guest) from error


def usage() -> str:
    """One line on how to call the program."""
    return _parser().format_usage().strip()


def _split(words: Sequence[str]) -> tuple[list[str], list[str], Sequence[str]]:
    """Options, device options, and the guest's file with its arguments."""
    options: list[str] = []
    devices: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            return options, devices, words[at:]
        if not word.startswith("-"):
            return options, devices, words[at - 1 :]
        if is_device_option(word):
            devices.append(word)
            continue
        if word.startswith(_EXECUTABLE_HEAP):
            options.append(_EXECUTABLE_HEAP)
            continue
        taken = 1 if word in _VALUED else 0
        options += words[at - 1 : at + taken]
        at += taken
    return options, devices, ()


def _refuse_old_spelling(word: str) -> None:
    for pattern, spelling in _OLD_SPELLINGS:
        if pattern.fullmatch(word):
            raise BadCommandLine(
                f"invalid option {word}: it is written {spelling}"
                + (", with a name from the guest's manifest" if "NAME" in spelling else "")
            )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadCommandLine(f"invalid option: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        usage="%(prog)s [OPTIONS] [--] GUEST [GUEST ARGUMENTS]",
        description="Run a Solo5 unikernel and record it, so that it can be replayed bit for bit.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"{_PROGRAM} {VERSION}, hvt ABI version 2, spt ABI version 2",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="the trace to make; must not exist")
    parser.add_argument(
        "--mem", type=_mebibytes, default=_DEFAULT_MEM_MIB, metavar="MIB", help="memory (512)"
    )
    parser.add_argument(
        "--dumpcore", metavar="DIR", help="put a core file there when the guest aborts (hvt)"
    )
    parser.add_argument(
        _EXECUTABLE_HEAP, action="store_true", help="let the guest execute heap and stack (spt)"
    )
    _add_devices(parser)
    how = parser.add_argument_group("recording")
    how.add_argument("--engine", default="auto", metavar="NAME", help=ENGINE_HELP)
    how.add_argument(
        "--cpu",
        default="westmere",
        metavar="MODEL",
        help="westmere, westmere+rdrand, westmere+rdrand+rdseed",
    )
    how.add_argument("--no-embed", action="store_true", help="leave the guest out of the trace")
    how.add_argument(
        "--strict", action="store_true", help="refuse a guest that may not replay everywhere alike"
    )
    how.add_argument(
        "--gdb",
        nargs="?",
        const="",
        metavar="PORT|PATH",
        help="debug the guest while it is recorded; --gdb=PORT or --gdb=PATH: do not start gdb",
    )
    how.add_argument(
        "--tui", action="store_true", help="look at the run in this terminal while it is recorded"
    )
    how.add_argument("-q", "--quiet", action="store_true", help="say nothing at the end")
    how.add_argument("-v", "--verbose", action="store_true", help="say what is used")
    add_attempt_options(parser)
    add_chaos_options(parser)
    return parser


def _add_devices(parser: argparse.ArgumentParser) -> None:
    """The device options as text for ``--help``; all but one are taken off before parsing."""
    described = (
        ("--net:NAME=TAP", "attach a TAP interface; @N: the open descriptor N of one"),
        ("--net-mac:NAME=MAC", "its address; random and recorded otherwise"),
        ("--block:NAME=FILE", "attach an image or a block device"),
        ("--block-sector-size:NAME=N", "its block size: a power of two, 512 or more"),
        ("--block-overlay:NAME", "leave the image as it is, keep writes elsewhere"),
    )
    lines = "\n".join(f"{option:<28}{text}" for option, text in described)
    devices = parser.add_argument_group("devices (NAME as in the guest's manifest)", lines)
    devices.add_argument(
        "--block-overlay", action="store_true", help="leave all images as they are"
    )


def _mebibytes(text: str) -> int:
    if not _MEBIBYTES.fullmatch(text):
        raise argparse.ArgumentTypeError(f"not a number of MiB: {text!r}")
    return int(text)
