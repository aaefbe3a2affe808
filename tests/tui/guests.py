"""Recordings that are unusual: of stripped or hostile guests, incomplete, damaged, empty."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from replay.engines.registry import COUNTING_ENGINE
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.player.session import ReplaySession
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import Case, Program, find_program
from tests.unit.replay.growing import _Copier, _divide
from tests.unit.replay.player.travelled import CASE
from tests.unit.replay.recordings import new_engine
from traces.framing import EVENTS, SUMMARY
from traces.reader import open_trace
from traces.writer import TraceWriter

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b1A\u202e"
"""What a terminal must never get from a guest or a trace."""

PRINTER = """\
#include "print.h"
#include "solo5.h"
/* ESCAPES */
__attribute__((noinline, noclone)) void innocent(void)
{
    solo5_console_write("ESCAPES\\r\\n\\t\\0 and \\x9b text [bold]markup[/] \\n", 64);
}

volatile char harmless[64] = "ESCAPES";

int solo5_app_main(const struct solo5_start_info *info)
{
    (void)info;
    solo5_clock_wall();
    innocent();
    return harmless[0];
}
"""


def record_guest(
    path: Path, guest: bytes, case: Case = CASE, *, name: str = "", embed: bool = True
) -> Path:
    """A run of any guest under the scripted source."""
    plan, image = case_plan(case, guest, name or "everything.hvt")
    machine = boot_machine(plan, new_engine(), image)
    header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test", embed=embed)
    try:
        record(machine, scripted_world(case, plan), path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()
    return path


def printer(folder: Path) -> Path:
    """A guest whose output, source, symbols and command line are full of escape sequences."""
    source = "".join(f'\\x{ord(each):02x}""' if ord(each) < 256 else "" for each in ESCAPES)
    (folder / "main.c").write_text(
        PRINTER.replace("/* ESCAPES */", f"/* {ESCAPES} */").replace("ESCAPES", source)
    )
    (folder / "manifest.json").write_text('{"type": "solo5.manifest", "version": 1, "devices": []}')
    (folder / "case.json").write_text('{"cases": []}')
    guest = GuestShelf(folder).guest(Program("printer", folder), "hvt")
    guest = guest.replace(b"innocent", b"in\x1b[2Jnt").replace(b"harmless", b"ha\x1b[31ms")
    case = Case(name="printer", args=(ESCAPES,), status=0, expected="")
    return record_guest(folder / "printer.mp", guest, case, name=f"pr{ESCAPES}inter.hvt")


def compute(folder: Path, shelf: GuestShelf, rounds: int) -> Path:
    """A guest that does nothing but compute."""
    case = Case(name="compute", args=(str(rounds),), status=0, expected="")
    guest = shelf.guest(find_program("compute"), "hvt")
    return record_guest(folder / "compute.mp", guest, case, name="compute.hvt")


def with_header(path: Path, to: Path, *, name: str, device: str, command_line: bytes) -> Path:
    """The same calls under a header that somebody has written by hand."""
    with open_trace(path) as trace:
        header = trace.header
        devices = tuple(replace(each, name=device) for each in header.boot.devices)
        boot = replace(header.boot, command_line=command_line, devices=devices)
        guest = replace(header.guest, name=name)
        forged = replace(header, guest=guest, boot=boot, created_by=name)
        writer = TraceWriter(to, forged, trace.guest(), flush_interval_s=None, clock=lambda: 0.0)
        session = ReplaySession(
            trace, new_engine(), observers=lambda _: (_Copier(writer, per_block=100, digests={}),)
        )
        try:
            session.run()
        finally:
            session.close()
        assert trace.summary is not None
        writer.finish(trace.summary)
        writer.close()
    return to


def without_end(path: Path, to: Path) -> Path:
    """What a recorder leaves that was killed."""
    with open_trace(path) as trace:
        summary = next(head for head in trace.blocks() if head.tag == SUMMARY)
    to.write_bytes(path.read_bytes()[: summary.offset_bytes])
    return to


def with_damaged_tail(path: Path, to: Path) -> Path:
    """A recording whose last events cannot be read."""
    _divide(path, to, 8)
    with open_trace(to) as trace:
        last = [head for head in trace.blocks() if head.tag == EVENTS][-1]
    data = bytearray(to.read_bytes())
    data[last.offset_bytes + last.head_bytes] ^= 0xFF
    to.write_bytes(data)
    return to


def without_events(path: Path, to: Path) -> Path:
    """A recording that had only just begun."""
    with open_trace(path) as trace:
        TraceWriter(
            to, trace.header, trace.guest(), flush_interval_s=None, clock=lambda: 0.0
        ).close()
    return to
