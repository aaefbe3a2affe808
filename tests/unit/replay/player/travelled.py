"""A guest with one of everything that time travel stops at, recorded once, and what a straight
replay has seen of it: the model for all journeys."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from replay.engines.registry import COUNTING_ENGINE
from replay.machine.machine import boot_machine
from replay.machine.plan import header_of
from replay.machine.position import Position
from replay.player import checkpoint, kept, rewind, timeline
from replay.player.rewind import RewindableReplay
from replay.player.session import Changes
from replay.player.source import ConsoleSink
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.timeline import CHECKPOINT_MEMORY, Timeline
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import BlockCase, Case, NetCase, Program
from tests.unit.replay.recordings import new_engine
from traces.reader import open_trace

ON, BACK = Direction.FORWARD, Direction.BACKWARD
CADENCE = 700
NEVER = 1 << 60
FRAME = bytes(range(1, 61))
SECRET = 0x1122334455667788
SOURCE = """\
#include "print.h"
#include "solo5.h"

struct {
    volatile uint64_t counter;
    uint8_t pad[56], words[64], source[64], target[64], sector[512], frame[1536];
} box __attribute__((aligned(4096)));
volatile uint64_t secret = 0x1122334455667788;

__attribute__((noinline, noclone)) void tick(void) { box.counter = box.counter + 1; }

__attribute__((noinline, noclone)) void copy(void)
{
    void *to = box.target, *from = box.source;
    size_t size = 40;
    __asm__ volatile(".globl copying\\ncopying: rep movsb\\n.globl copied\\ncopied: nop"
                     : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

__attribute__((noinline, noclone)) void unaligned(void)
{
    __asm__ volatile("movabs $0x0807060504030201, %%rax\\n"
                     "movq %%rax, %%xmm0\\n"
                     "punpcklqdq %%xmm0, %%xmm0\\n"
                     ".globl storing\\nstoring: mov %%rax, 5(%0)\\n"
                     ".globl loading\\nloading: mov 10(%0), %%eax\\n"
                     ".globl wide\\nwide: movups %%xmm0, 19(%0)\\n"
                     ".globl behind\\nbehind: nop" ::"r"(box.words)
                     : "rax", "xmm0", "memory");
}

__attribute__((noinline, noclone)) void disk(solo5_handle_t handle, uint8_t letter)
{
    box.sector[0] = letter;
    solo5_block_write(handle, 512, box.sector, 512);
    box.sector[0] = 0;
    solo5_block_read(handle, 512, box.sector, 512);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info storage;
    struct solo5_net_info service;
    solo5_handle_t disk_handle, net_handle;
    solo5_handle_set_t ready;
    size_t size;
    (void)info;
    solo5_block_acquire("storage", &disk_handle, &storage);
    solo5_net_acquire("service0", &net_handle, &service);
    for (int i = 0; i < 40; i++)
        box.source[i] = (uint8_t)(i + 1);
    for (int i = 0; i < 8; i++) {
        tick();
        if (i % 3 == 0)
            solo5_clock_wall();
    }
    copy();
    unaligned();
    print("first ");
    disk(disk_handle, 'A');
    disk(disk_handle, 'B');
    solo5_yield(solo5_clock_monotonic() + 1000, &ready);
    solo5_net_read(net_handle, box.frame, 1514, &size);
    uint64_t known = secret;
    solo5_console_write((const char *)&known, sizeof known);
    for (int i = 0; i < 60; i++)
        tick();
    print("last");
    return 7;
}
"""
MANIFEST = {
    "type": "solo5.manifest",
    "version": 1,
    "devices": [
        {"name": "storage", "type": "BLOCK_BASIC"},
        {"name": "service0", "type": "NET_BASIC"},
    ],
}
WORDS, BOX_SOURCE, TARGET, SECTOR, NET_FRAME, BOX_BYTES = 64, 128, 192, 256, 768, 832
CASE = Case(
    name="everything",
    args=(),
    status=7,
    expected="",
    blocks={"storage": BlockCase(4096)},
    nets={"service0": NetCase(bytes((2, 0, 0, 0, 0, 1)), received=(FRAME,))},
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A place on the straight way: the instruction to come, and the guest's variables."""

    position: Position
    steps: int
    rip: int
    box: bytes


@dataclass(frozen=True, slots=True)
class Journey:
    """The recording, its symbols, and all moments from ``solo5_app_main`` on."""

    path: Path
    guest: bytes
    symbols: dict[str, int]
    moments: list[Moment]

    def __getitem__(self, symbol: str) -> int:
        return self.symbols[symbol]

    @property
    def box(self) -> int:
        """Where the variables are."""
        return self.symbols["box"]

    def at(self, symbol: str) -> list[Position]:
        """Wherever an instruction is come to; a repeated one once."""
        address = self.symbols[symbol]
        return [
            each.position
            for before, each in zip([None, *self.moments], self.moments, strict=False)
            if each.rip == address and (before is None or before.rip != address)
        ]

    def changes(self, offset: int, size: int) -> list[tuple[Position, Position]]:
        """Before and behind each change of some bytes of the variables."""
        part = slice(offset, offset + size)
        pairs = zip(self.moments, self.moments[1:], strict=False)
        return [
            (before.position, behind.position)
            for before, behind in pairs
            if before.box[part] != behind.box[part]
        ]


def make_journey(folder: Path) -> Journey:
    """Build, record and walk; the test is skipped where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    (folder / "main.c").write_text(SOURCE)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "case.json").write_text('{"cases": []}')
    guest = GuestShelf(folder).guest(Program("everything", folder), "hvt")
    path = folder / "everything.mp"
    plan, image = case_plan(CASE, guest, "everything.hvt")
    machine = boot_machine(plan, new_engine(), image)
    header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test")
    try:
        record(machine, scripted_world(CASE, plan), path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()
    symbols = _symbols(guest)
    return Journey(path, guest, symbols, _walk(path, symbols))


def _symbols(guest: bytes) -> dict[str, int]:
    table = ELFFile(io.BytesIO(guest)).get_section_by_name(".symtab")
    return {each.name: each["st_value"] for each in table.iter_symbols()}


def _walk(path: Path, symbols: dict[str, int]) -> list[Moment]:
    moments: list[Moment] = []
    with travelling(path, cadence=NEVER) as travelled:
        main = Break(symbols["solo5_app_main"])
        why = travelled.run(ON, Wanted(breaks=(main,))).why
        while why is not Why.END:
            box = travelled.read(symbols["box"], BOX_BYTES)
            assert box is not None
            rip = travelled.registers()["rip"]
            moments.append(Moment(travelled.position, travelled.steps, rip, box))
            why = travelled.step(1).why
    return moments


@contextmanager
def cadence_of(cadence: int) -> Iterator[None]:
    """While inside, checkpoints are made that often, in instructions."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (checkpoint, rewind, timeline):
            patch.setattr(module, "CADENCE", cadence)
        for module in (checkpoint, kept):
            patch.setattr(module, "FAR_CADENCE", 4 * cadence)
        patch.setattr(checkpoint, "_NEAR", 10 * cadence)
        yield


@contextmanager
def travelling(
    path: Path,
    *,
    cadence: int = CADENCE,
    memory: int = CHECKPOINT_MEMORY,
    changes: Changes | None = None,
    console: ConsoleSink = len,
    kept: Path | None = None,
) -> Iterator[Timeline]:
    """A timeline of a trace, at its start."""
    with cadence_of(cadence), open_trace(path) as trace:
        travelled = Timeline(
            trace, checkpoint_memory=memory, changes=changes, console=console, kept=kept
        )
        try:
            yield travelled
        finally:
            travelled.close()


@contextmanager
def replaying(path: Path, *, cadence: int = CADENCE) -> Iterator[RewindableReplay]:
    """A replay of a trace, at its start."""
    with cadence_of(cadence), open_trace(path) as trace:
        replay = RewindableReplay(trace, checkpoint_memory=CHECKPOINT_MEMORY)
        try:
            yield replay
        finally:
            replay.close()
