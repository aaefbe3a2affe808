"""A small program that was walked through once, instruction by instruction, and can be travelled:
the fake of a timeline for what steps by source lines."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from monitors.ports import Registers
from replay.machine.position import Position
from replay.player.stops import Break, Direction, Stop, Wanted, Why

SOURCE = """\
typedef unsigned long u64;
static volatile u64 total;
u64 limits[4] = {3, 1, 4, 1};
int small = -5;

static inline __attribute__((always_inline)) u64 twice(u64 x)
{
    u64 y = x + x;
    total += y;
    return y;
}

__attribute__((noinline)) u64 leaf(u64 x)
{
    u64 y = x * 3;
    total += y;
    return y + 1;
}

__attribute__((noinline)) u64 down(u64 n)
{
    u64 r;
    if (n == 0)
        return leaf(1);
    r = down(n - 1);
    r += leaf(n);
    return r;
}

__attribute__((noinline)) u64 tail(u64 n)
{
    total += n;
    return leaf(n + 1);
}

__attribute__((noinline)) void loop(void)
{
    for (u64 i = 0; i < 4; i++) total += limits[i];
    for (u64 i = 0; i < 3; i++)
        total += twice(i);
}

u64 hidden(u64 (*call)(u64), u64 x);
int run(void)
{
    u64 x = leaf(2);
    x += down(2);
    loop();
    x += hidden(leaf, 3);
    x += tail(x) + leaf(leaf(7));
    small += x;
    return total + x;
}

__attribute__((noreturn)) void leave(int status);
void start(void)
{
    int status = run();
    leave(status);
}
"""
START = """\
    .globl _start
_start:
    xor %ebp, %ebp
    call start
    .globl leave
leave:
    mov $60, %eax
    xor %edi, %edi
    syscall
    .section .note.GNU-stack,"",@progbits
"""
HIDDEN = """\
    .globl hidden
    .type hidden, @function
hidden:
    .cfi_startproc
    push %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset 3, -16
    mov %rdi, %rbx
    mov %rsi, %rdi
    call *%rbx
    pop %rbx
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size hidden, . - hidden
    .section .note.GNU-stack,"",@progbits
"""
FLAGS = (
    "-fno-pie",
    "-nostdlib",
    "-static",
    "-ffreestanding",
    "-fcf-protection=none",
    "-fno-stack-protector",
    "-Wl,-Ttext-segment=0x100000",
    "-Wl,--build-id=none",
)
MEMORY, MEMORY_BYTES = 0x100000, 0x100000
STACK, STACK_BYTES = 0x700000, 4096
NAMES = tuple(
    f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", *range(8, 16))
)
SYSCALL = b"\x0f\x05"


_BUILT: dict[tuple[str, str], bytes] = {}


def build(folder: Path, compiler: str = "gcc", level: str = "-O0") -> Path:
    """The program for Linux, without a C library; the test is skipped without the compiler."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed: apt-get install {compiler}")
    for name, text in (("steps.c", SOURCE), ("start.S", START), ("hidden.S", HIDDEN)):
        (folder / name).write_text(text)
    output = folder / f"steps-{compiler}{level}"
    if (compiler, level) not in _BUILT:
        _compile(folder, output, compiler, level)
        _BUILT[compiler, level] = output.read_bytes()
    output.write_bytes(_BUILT[compiler, level])
    output.chmod(0o755)
    return output


def _compile(folder: Path, output: Path, compiler: str, level: str) -> None:
    hidden = folder / "hidden.o"
    # Without -g: a function that is described for unwinding, and that has no lines.
    unknown = [compiler, "-c", "hidden.S", "-o", hidden]
    maps = f"-ffile-prefix-map={folder}=steps"
    program = [compiler, "-g", maps, level, *FLAGS, "-o", output, "steps.c", "start.S", hidden]
    for command in (unknown, program):
        subprocess.run(command, check=True, timeout=60, cwd=folder, capture_output=True)


class Walked:
    """Stands at one instruction of the program's run; see ``replay.player.marks.Traveller``."""

    def __init__(self, elf: bytes) -> None:
        self.states = _walk(elf)
        self.image = _image(elf)
        self.at = 0
        self.journeys = 0

    @property
    def position(self) -> Position:
        return Position(0, self.at)

    def registers(self) -> Registers:
        return self.states[self.at][0]

    def read(self, address: int, size: int) -> bytes | None:
        for start, data in ((STACK, self.states[self.at][1]), (MEMORY, self.image)):
            if start <= address <= start + len(data) - size:
                return data[address - start : address - start + size]
        return None

    def seek(self, position: Position) -> Stop:
        self.at = position.instructions
        return Stop(position, Why.REACHED)

    def step(self, count: int) -> Stop:
        self.journeys += 1
        wanted = self.at + count
        self.at = max(0, min(len(self.states) - 1, wanted))
        return Stop(self.position, Why.REACHED if self.at == wanted else _end(count))

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        self.journeys += 1
        breaks = {each.address: each for each in wanted.breaks}
        assert len(breaks) == len(wanted.breaks), "one breakpoint at each address"
        step = 1 if direction is Direction.FORWARD else -1
        while 0 <= self.at + step < len(self.states):
            self.at += step
            hit = breaks.get(self.registers()["rip"])
            if hit is not None and (hit.condition is None or hit.condition(self)):
                return Stop(self.position, Why.BREAK, hit)
            if wanted.until == self.position:
                return Stop(self.position, Why.REACHED)
        return Stop(self.position, _end(step))

    def go(self, address: int, direction: Direction = Direction.FORWARD) -> None:
        """To the nearest place at an address."""
        assert self.run(direction, Wanted(breaks=(Break(address),))).why is Why.BREAK


def _end(step: int) -> Why:
    return Why.END if step > 0 else Why.START


def _image(elf: bytes) -> bytes:
    image = bytearray(MEMORY_BYTES)
    for segment in ELFFile(io.BytesIO(elf)).iter_segments("PT_LOAD"):
        offset = segment["p_vaddr"] - MEMORY
        image[offset : offset + segment["p_filesz"]] = segment.data()
    return bytes(image)


def _walk(elf: bytes) -> list[tuple[dict[str, int], bytes]]:
    """Registers and stack before each instruction, up to the one that ends the program."""
    import unicorn
    from unicorn import x86_const

    numbers = [getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in NAMES]
    machine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    machine.mem_map(MEMORY, MEMORY_BYTES)
    machine.mem_map(STACK, STACK_BYTES)
    machine.mem_write(MEMORY, _image(elf))
    machine.reg_write(x86_const.UC_X86_REG_RSP, STACK + STACK_BYTES - 64)
    states: list[tuple[dict[str, int], bytes]] = []

    def note(_machine: Any, address: int, size: int, _data: Any) -> None:
        values = dict(zip(NAMES, machine.reg_read_batch(numbers), strict=True))
        states.append((values, bytes(machine.mem_read(STACK, STACK_BYTES))))
        if machine.mem_read(address, size) == SYSCALL:
            machine.emu_stop()

    machine.hook_add(unicorn.UC_HOOK_CODE, note)
    machine.emu_start(ELFFile(io.BytesIO(elf))["e_entry"], 0)
    return states
