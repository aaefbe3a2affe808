"""A guest whose values have origins that are known, recorded once for each target."""

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
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from replay.recorder.session import REPRODUCIBLE_PACE, record
from replay.testing.cases import GuestShelf, case_plan, scripted_world
from replay.toolchain.programs import BlockCase, Case, NetCase, Program
from tests.unit.replay.recordings import new_engine
from traces.reader import open_trace

FRAMES = (bytes(range(1, 61)), bytes(range(101, 175)))
SOURCE = """\
#include "print.h"
#include "solo5.h"

#define APART __attribute__((noinline, noclone))

uint8_t frame[1536], by_string[64], by_words[64], by_sse[64], sector[512], picked[16];
volatile uint8_t mixed[8];
volatile uint64_t pushed, swapped, chosen, left, found, counter, zero, summed, extended, halves[2];
volatile uint64_t compared = 7, counted = 41, initial = 0x1234567812345678;
volatile uint32_t cycles_low, cycles_high, swapped_order, random_number, features;
const volatile uint64_t fixed = 0x8877665544332211;

APART void copy_by_string(void)
{
    void *to = by_string, *from = frame;
    size_t size = 60;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

APART void copy_by_words(void)
{
    void *to = by_words, *from = by_string;
    size_t size = 7;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

APART void copy_by_sse(void)
{
    __asm__ volatile("movups 16(%0), %%xmm3\\n"
                     "movaps %%xmm3, %%xmm5\\n"
                     "movups %%xmm5, 3(%1)\\n"
                     "movq 40(%0), %%xmm1\\n"
                     "movhps 48(%0), %%xmm1\\n"
                     "movups %%xmm1, 32(%1)\\n" ::"r"(by_words), "r"(by_sse)
                     : "xmm1", "xmm3", "xmm5", "memory");
}

APART uint64_t unrelated(uint64_t value)
{
    __asm__ volatile("push %%rbx\\nmov $5, %%ebx\\nadd %%rbx, %0\\npop %%rbx" : "+r"(value)::"rbx");
    return value;
}

APART void through_registers(void)
{
    uint64_t word = *(uint64_t *)(by_string + 8);
    __asm__ volatile("mov %4, %%rbx\\n"
                     "push %%rbx\\n"
                     "mov $3, %%rbx\\n"
                     "pop %%rdx\\n"
                     "mov %%rdx, %0\\n"
                     "mov $9, %%ecx\\n"
                     "xchg %%rcx, %%rdx\\n"
                     "mov %%rcx, %1\\n"
                     "mov $1, %%esi\\n"
                     "cmp %%rsi, %%rcx\\n"
                     "cmovne %%rcx, %%rsi\\n"
                     "mov %%rsi, %2\\n"
                     "mov $8, %%esi\\n"
                     "cmp %%rcx, %%rcx\\n"
                     "cmovne %%rcx, %%rsi\\n"
                     "mov %%rsi, %3\\n"
                     : "=m"(pushed), "=m"(swapped), "=m"(chosen), "=m"(left)
                     : "r"(word)
                     : "rbx", "rcx", "rdx", "rsi", "cc", "memory");
}

APART void through_exchanges(void)
{
    uint64_t word = *(uint64_t *)(by_string + 16), accumulator = 7, other = 1000;
    __asm__ volatile("lock cmpxchg %2, %0" : "+m"(compared), "+a"(accumulator) : "r"(word) : "cc");
    accumulator = 8;
    __asm__ volatile("lock cmpxchg %2, %0\\nmov %1, %3"
                     : "+m"(compared), "+a"(accumulator), "+r"(other), "=m"(found)::"cc");
}

APART void compute(void)
{
    summed = by_string[1] + (uint64_t)by_string[2];
    counted++;
    counted += 4;
    __asm__ volatile("movl 20+by_string(%%rip), %%eax\\nbswap %%eax\\nmovl %%eax, %0\\n"
                     "movsbq 100(%1), %%rax\\nmovq %%rax, %2\\n"
                     : "=m"(swapped_order) : "r"(by_string - 60), "m"(extended) : "rax", "memory");
    __asm__ volatile("movb 5+by_string(%rip), %al\\nmovb 9+by_string(%rip), %ah\\n"
                     "movw %ax, 2+mixed(%rip)\\nmovb $77, 4+mixed(%rip)");
    __asm__ volatile("movq 24+by_string(%%rip), %%xmm0\\nmovq 32+by_string(%%rip), %%xmm2\\n"
                     "punpcklqdq %%xmm2, %%xmm0\\nmovups %%xmm0, %0"
                     : "=m"(halves)::"xmm0", "xmm2", "memory");
}

APART void instructions(void)
{
    uint32_t low, high, a = 1, b, c = 0, d;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    cycles_low = low;
    cycles_high = high;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    features = d;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info storage;
    struct solo5_net_info service;
    solo5_handle_t disk, net;
    size_t size;

    (void)info;
    solo5_block_acquire("storage", &disk, &storage);
    solo5_net_acquire("service0", &net, &service);
    for (int i = 0; i < 512; i++)
        sector[i] = (uint8_t)(i * 7);
    solo5_block_write(disk, 512, sector, 512);
    for (int i = 0; i < 512; i++)
        sector[i] = 0;
    solo5_block_read(disk, 512, sector, 512);
    for (int i = 0; i < 16; i++)
        picked[i] = sector[100 + i];
    solo5_net_read(net, frame, 1514, &size);
    copy_by_string();
    solo5_net_read(net, frame, 1514, &size);
    copy_by_words();
    copy_by_sse();
    through_registers();
    through_exchanges();
    compute();
    instructions();
    for (int i = 0; i < 2000; i++)
        counter = unrelated(counter);
    print("done");
    return (int)(fixed & initial & zero);
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
CASE = Case(
    name="traced",
    args=(),
    status=0,
    expected="",
    blocks={"storage": BlockCase(4096)},
    nets={"service0": NetCase(bytes((2, 0, 0, 0, 0, 1)), received=FRAMES)},
)
TARGETS = ("hvt", "spt")


@dataclass(frozen=True, slots=True)
class Traced:
    """A recording, and its guest."""

    path: Path
    guest: bytes
    symbols: dict[str, int]

    def __getitem__(self, symbol: str) -> int:
        return self.symbols[symbol]


def make_traced(folder: Path, target: str) -> Traced:
    """Build and record; the test is skipped where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc binutils")
    (folder / "main.c").write_text(SOURCE)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "case.json").write_text('{"cases": []}')
    guest = GuestShelf(folder).guest(Program("traced", folder), target)
    path = folder / "traced.mp"
    plan, image = case_plan(CASE, guest, f"traced.{target}")
    machine = boot_machine(plan, new_engine(), image)
    header = header_of(plan, image, engine=COUNTING_ENGINE, created_by="a test")
    try:
        record(machine, scripted_world(CASE, plan), path, header, pace=REPRODUCIBLE_PACE)
    finally:
        machine.close()
    table = ELFFile(io.BytesIO(guest)).get_section_by_name(".symtab")
    return Traced(path, guest, {each.name: each["st_value"] for each in table.iter_symbols()})


@contextmanager
def at_end(traced: Traced) -> Iterator[tuple[Timeline, Symbols]]:
    """A timeline at the end of the recording, with symbols."""
    with open_trace(traced.path) as trace:
        timeline = Timeline(trace)
        try:
            timeline.seek(timeline.end)
            yield timeline, Symbols(timeline.guest)
        finally:
            timeline.close()
