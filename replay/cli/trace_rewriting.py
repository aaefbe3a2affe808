"""``solo5-trace strip``, ``pack``, ``unpack`` and ``cut``: a trace as another one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say
from replay.cli.new_file import new_file
from replay.export.words import counted, one_line, size_text
from traces.reader import Trace, open_trace
from traces.rewrite import CannotRewrite, Change, Rewritten, rewrite

_PROGRAM = "solo5-trace"


def rewrite_trace(arguments: argparse.Namespace) -> int:
    """Do what one of the commands asks for; raises ``traces.errors.TraceError``."""
    try:
        with open_trace(arguments.trace) as trace:
            return _COMMANDS[arguments.command](trace, arguments)
    except CannotRewrite as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    except FileExistsError as error:
        say(_PROGRAM, f"{error.filename} exists, and nothing is overwritten")
        return ReplayStatus.USAGE
    except OSError as error:
        say(_PROGRAM, f"{error.filename or arguments.trace}: {error.strerror}")
        return ReplayStatus.CANNOT_REPLAY


def _strip(trace: Trace, arguments: argparse.Namespace) -> int:
    redact = frozenset().union(*arguments.redact)
    guest = None if arguments.guest_too or not redact else trace.guest()
    made = rewrite(trace, arguments.output, Change(guest, redact=redact))
    _say_made(trace, arguments.output, made)
    for family, (events, size) in made.redacted.items():
        taken = f"{size_text(size)} of {counted(events, 'event')} taken out"
        say(_PROGRAM, f"{family}: {taken}; lengths and digests are left")
    if trace.redacted | redact:
        say(_PROGRAM, f"{one_line(str(arguments.output))} is redacted and cannot be replayed")
    elif trace.header.guest.embedded:
        say(_PROGRAM, "the guest is left out; solo5-replay takes it with --guest")
    return ReplayStatus.FAITHFUL


def _pack(trace: Trace, arguments: argparse.Namespace) -> int:
    guest = trace.guest() if arguments.guest is None else Path(arguments.guest).read_bytes()
    if guest is None:
        name = one_line(trace.header.guest.name)
        raise CannotRewrite(f"does not hold its guest {name}: give its file with --guest")
    _say_made(trace, arguments.output, rewrite(trace, arguments.output, Change(guest)))
    return ReplayStatus.FAITHFUL


def _unpack(trace: Trace, arguments: argparse.Namespace) -> int:
    guest = trace.guest()
    if guest is None:
        raise CannotRewrite("does not hold its guest, so that there is nothing to take out")
    folder = Path(arguments.output)
    folder.mkdir(exist_ok=True)
    # Names in a trace are for people and never paths.
    stem = os.path.basename(arguments.trace).removesuffix(".mp") or "guest"  # noqa: PTH119
    guest_path = folder / f"{stem}.{_plain(trace.header.guest.target)}"
    with new_file(guest_path) as file:
        file.write(guest)
        file.keep()
    path = folder / f"{stem}.mp"
    _say_made(trace, path, rewrite(trace, path, Change(None)))
    say(_PROGRAM, f"the guest, {size_text(len(guest))}, in {one_line(str(guest_path))}")
    return ReplayStatus.FAITHFUL


def _cut(trace: Trace, arguments: argparse.Namespace) -> int:
    end: int = arguments.to
    made = rewrite(trace, arguments.output, Change(trace.guest(), end=end))
    _say_made(trace, arguments.output, made)
    say(_PROGRAM, f"it ends before event {end} and says so; it replays to there")
    return ReplayStatus.FAITHFUL


def _plain(target: str) -> str:
    return target if target.isascii() and target.isalnum() else "elf"


def _say_made(trace: Trace, out: Path | str, made: Rewritten) -> None:
    before, after = size_text(trace.file.size_bytes), size_text(made.file_bytes)
    events = counted(made.events, "event")
    say(_PROGRAM, f"{events}, {after} (was {before}) in {one_line(str(out))}")


_COMMANDS: Mapping[str, Callable[[Trace, argparse.Namespace], int]] = {
    "strip": _strip,
    "pack": _pack,
    "unpack": _unpack,
    "cut": _cut,
}
REWRITING = tuple(_COMMANDS)
