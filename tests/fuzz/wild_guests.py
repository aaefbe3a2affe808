"""Guests that do what no guest should, for a process of its own: invariant in test_wild_guests.py.

    python -m tests.fuzz.wild_guests KIND FIRST COUNT [GUEST.hvt]

runs the cases FIRST to FIRST + COUNT - 1 of a kind, each twice, and prints what went wrong. Every
case is a pure function of its kind and number.
"""

from __future__ import annotations

import ctypes
import faulthandler
import random
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from unicorn import unicorn_const, x86_const

from monitors.elf import read_image
from monitors.errors import MonitorError
from monitors.hvt.boot import boot_state
from monitors.manifest import Manifest
from monitors.ports import (
    BootRequest,
    Exit,
    GuestImage,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    Segment,
    TargetReached,
    Trap,
    TrapKind,
    TripleFault,
)
from monitors.registry import monitor_for
from monitors.vcpu import virtual_cpu
from replay.engines.errors import NotReproducible
from replay.engines.ram import GuestRam
from replay.engines.unicorn.callbacks import State, make_callbacks
from replay.engines.unicorn.engine import UnicornEngine
from replay.engines.unicorn.instance import Instance
from replay.machine.digest import memory_digest, register_digest
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine
from replay.machine.plan import MachinePlan
from replay.testing.source import ScriptedSource

MEM_BYTES = 4 << 20
CODE, HANDLER, SNIPPETS = 0x100000, 0x110000, 0x120000
IDT, TSS, GDT, COUNTER, POINTERS = 0x180000, 0x181000, 0x182000, 0x183000, 0x183100
STACK_TOP = 0x1F0000
SNIPPET_BYTES, SNIPPETS_MAX = 0x200, 16
STOPS_MAX, EVENTS_MAX = 200, 2000
TIME_LIMIT_S = 0.3

REGISTERS = [
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *(f"r{number}" for number in range(8, 16)),
]
TABLES = (0x1000, 0x2000, 0x3000, 0x4000, 0x8000, IDT, TSS, GDT, COUNTER, SNIPPETS, HANDLER)
MSRS = (
    *(0x10, 0x1B, 0x174, 0x175, 0x176, 0x1A0, 0x277, 0x1D9, 0x2FF, 0xD90, 0xC0010114, 0xC0010117),
    *range(0xC0000080, 0xC0000085),
    *range(0xC0000100, 0xC0000104),
)
# System instructions, transfers, x87 and SSE with memory operands, string operations, what is not
# defined, and the sites with and without prefixes.
_HEXADECIMAL = """
0f0100 0f0101 0f0110 0f0118 0f0120 0f0130 0f0138 0f0111 0f0119 480f01e0 0f01f0 0f00d0 0f00d8
0f00c0 0f00c8 0f00e0 0f00e8 0f0010 0f0018 0f01c1 0f01c2 0f01c3 0f01c4 0f01d9 0f01d8 0f01da
0f01db 0f01dc 0f01dd 0f01de 0f01df 0f01c8 0f01c9 0f01d0 0f01d1 0f01ee 0f01ef 0f01f8 0f01f9 0f05
0f07 480f07 0f34 0f35 480f35 0faa 0f37 0f0b 0fff 0fb9c0 0f78c0 0f79c0 0f20c0 0f20d0 0f20d8
0f20e0 440f20c0 0f22c0 0f22d0 0f22d8 0f22e0 440f22c0 0f20c8 0f22c8 0f21c0 0f21f8 0f23c0 0f23f8
0f30 0f30 0f32 0f33 0f31 0fa2 0f06 0f08 0f09 f4 f390 fa fb 9c 9d 669d 8ed8 8ec0 8ed0 8ee0 8ee8
8ec8 8cd8 0fa1 0fa9 0fb200 0fb400 0fb500 480fb200 cf 48cf 66cf cb 48cb 66cb ca0800 48ca0800 c3
ff18 48ff18 ff28 48ff28 66ff28 cc cd03 cd80 cd0d cd0e cd08 cd02 ce f1 48f7f1 f7f1 48f7f9 0fae00
0fae08 480fae08 0fae10 0fae18 0fae20 0fae28 0fae38 0faef0 f30faec0 f30faed0 f3480faed8 0fc7f0
480fc7f8 660fc7f0 f30fc7f8 0fc730 0fc738 480fc708 0fc708 660f388008 0f38f000 0f38c9c0 d9f0 d9e8
dee9 9b d918 df20 df28 dd20 dd30 9bd930 d920 d928 db28 db38 d9f8 d9fe d9f3 ddc0 0f77 0f0e 0f0d08
a4 f3a4 f348a5 f348ab f3a6 f2ae 6c 6e f36d f36f e400 e600 ec ee ef ed 66ef e780 e500 8f00 ff30
ff10 ff20 ffd0 ffe0 c8100001 c8ffff1f c9 0fa3c0 f00fa3c0 f00fba2800 480fb108 f0480fb108 6690
87db c4e2780000 c5f857c0 62f17c4858c0 8fe97812c0 06 27 60 62 82 9a ea d4 d6 0f0f00b4 f30fb8c0
f30fbdc0 660f3a0f0000 f0660f3a0f0000 660f3a44c011 660f38dcc0 f20f3800 0f50c0 0fe700 f00f31 f0f4
2e66900f31 480f00d8 0f02c0 0f03c0 63c0 0fa4c001 0fbac0f0 0fbb00
"""
INSTRUCTIONS = [bytes.fromhex(text) for text in _HEXADECIMAL.split()]


@dataclass(frozen=True, slots=True)
class WildGuest:
    """What a machine is to start with, beside the boot state."""

    segments: Sequence[Segment]
    entry: int
    protections: Sequence[Protection] = ()
    registers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; equal whenever two runs agree. ``cut``: the time limit ended it."""

    stops: tuple[str, ...]
    registers: bytes
    memory: bytes
    cut: bool


class Wilderness:
    """Draws guests from one seeded generator."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bytes_as_code(self) -> WildGuest:
        """Random bytes from the first instruction on."""
        code = self._random.randbytes(self._random.choice((16, 64, 256, 4096)))
        return WildGuest([Segment(CODE, code)], CODE, self._protections())

    def system_code(self) -> WildGuest:
        """Snippets of system instructions; the handler of every exception goes on to the next."""
        segments = [
            Segment(COUNTER, struct.pack("<q", -1)),
            Segment(POINTERS, struct.pack("<HQ6xHQ", 16 * 14 - 1, GDT, 64 * 16 - 1, IDT)),
            Segment(HANDLER, _next_snippet()),
            Segment(IDT, b"".join(self._gate() for _ in range(64))),
            Segment(GDT, self._gdt()),
            Segment(TSS, _task_state()),
            Segment(CODE, self._beginning()),
        ]
        for number in range(SNIPPETS_MAX):
            code = self._snippet()[: SNIPPET_BYTES - 16] + _load("rax", HANDLER) + b"\xff\xe0"
            segments.append(Segment(SNIPPETS + SNIPPET_BYTES * number, code))
        return WildGuest(segments, CODE, self._protections())

    def wild_state(self) -> WildGuest:
        """System code that starts with other registers, page tables and tables."""
        guest = self.system_code()
        chosen = self._random.sample(("rip", "rsp", "rflags", "cr2", "fcw", "mxcsr"), 2)
        limits = {"fcw": 0xFFFF, "mxcsr": 0xFFFF}
        registers = {name: self._value() & limits.get(name, (1 << 64) - 1) for name in chosen}
        places = [0x2000, 0x3000, 0x4000, 0x8000, 0x8800, IDT, TSS, GDT]
        changes = [
            Segment(self._random.choice(places) + 8 * self._random.randrange(64), self._entry())
            for _ in range(self._random.randrange(1, 4))
        ]
        return replace(guest, segments=[*guest.segments, *changes], registers=registers)

    def mutate(self, data: bytes) -> bytes:
        """``data`` with a few bytes changed, now and then many."""
        changed = bytearray(data)
        for _ in range(min(len(data), self._random.choice((1, 3, 20, 300)))):
            changed[self._random.randrange(len(data))] = self._random.getrandbits(8)
        return bytes(changed)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _protections(self) -> list[Protection]:
        if self.chance(0.5):
            return []
        return [
            Protection(0, 0x10000, False),
            Protection(SNIPPETS, SNIPPETS + 0x1000, False),
        ]

    def _value(self) -> int:
        draw = self._random
        kinds: list[Callable[[], int]] = [
            lambda: draw.getrandbits(64),
            lambda: draw.getrandbits(32),
            lambda: draw.randrange(MEM_BYTES),
            lambda: draw.randrange(16),
            lambda: 1 << draw.randrange(64),
            lambda: 0x80010021 ^ 1 << draw.randrange(32),
            lambda: 0x620 ^ 1 << draw.randrange(24),
            lambda: 0x500 ^ 1 << draw.randrange(13),
            lambda: MEM_BYTES - draw.randrange(64),
            lambda: 0x7FFF_FFFF_FFFF + draw.randrange(-16, 16),
            lambda: draw.choice(TABLES),
            lambda: -draw.randrange(1, 64),
        ]
        return draw.choice(kinds)() & (1 << 64) - 1

    def _entry(self) -> bytes:
        value = self._value()
        if self.chance(0.5):
            value = value & ~0xFFF | self._random.randrange(0x200)
        return struct.pack("<Q", value)

    def _beginning(self) -> bytes:
        code = b""
        if self.chance(0.9):
            code += _load("rax", POINTERS) + b"\x0f\x01\x10"
        code += _load("rax", POINTERS + 16) + b"\x0f\x01\x18"
        if self.chance(0.9):
            code += _load("rax", 12 * 8) + b"\x0f\x00\xd8"
        return code + _load("rax", HANDLER) + b"\xff\xe0"

    def _snippet(self) -> bytes:
        code = b""
        for _ in range(self._random.randrange(1, 5)):
            for _ in range(self._random.randrange(4)):
                code += _load(self._random.choice(REGISTERS), self._value())
            pieces = (self._instruction, self._instruction, self._noise, self._far, self._store)
            code += self._random.choice(pieces)()
        return code

    def _instruction(self) -> bytes:
        code = self._random.choice(INSTRUCTIONS)
        if self.chance(0.1):
            prefixes = b"\x66\xf2\xf3\x48\x41\x4f\x67\x64\x65\x2e\x36" + b"\xf0" * is_compiled()
            code = bytes([self._random.choice(prefixes)]) + code
        if code in (b"\x0f\x30", b"\x0f\x32") and self.chance(0.8):
            code = _load("rcx", self._random.choice(MSRS)) + code
        return code

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 20))

    def _far(self) -> bytes:
        """IRET, far and near returns to anywhere."""
        draw = self._random
        values = [
            draw.choice((0x10, 0, 0x18, 0x1B, 0x23, self._value() & 0xFFFF)),
            draw.choice((STACK_TOP, self._value())),
            draw.choice((2, 0x202, 0x102, self._value())),
            draw.choice((8, 8, 0xB, 0x10, 0x18, 0x1B, 0x20, 0x23, 0x33, self._value() & 0xFFFF)),
            draw.choice((SNIPPETS + SNIPPET_BYTES * draw.randrange(SNIPPETS_MAX), self._value())),
        ]
        pushes = b"".join(_load("rax", value) + b"\x50" for value in values)
        return pushes + draw.choice((b"\x48\xcf", b"\xcf", b"\x48\xcb", b"\xcb", b"\xc3"))

    def _store(self) -> bytes:
        at = self._random.choice(TABLES) + 8 * self._random.randrange(256)
        return _load("rdi", at) + _load("rax", self._value()) + b"\x48\x89\x07"

    def _gate(self) -> bytes:
        ist, kind = self._random.choice((0, 0, 1, 2)), self._random.choice((0x8E, 0x8F))
        return struct.pack("<HHBBHQ", HANDLER & 0xFFFF, 8, ist, kind, HANDLER >> 16, 0)

    def _gdt(self) -> bytes:
        known = [0, 0x00AF99000000FFFF, 0x00CF93000000FFFF, 0x00CF9B000000FFFF, 0x00AFFB000000FFFF]
        known += [0x00CFF3000000FFFF, 0x00CFFB000000FFFF, 0x009B000000FFFF]
        random_ones = [self._random.getrandbits(64) for _ in range(4)]
        return struct.pack("<14Q", *known, *random_ones, 0x67 | TSS << 16 | 0x89 << 40, 0)


@cache
def is_compiled() -> bool:
    """Whether the compiled callbacks are in use."""
    return make_callbacks(State(), Instance.library).compiled


def _load(register: str, value: int) -> bytes:
    number = REGISTERS.index(register)
    return bytes([0x48 | number >> 3, 0xB8 | number & 7]) + struct.pack("<Q", value & (1 << 64) - 1)


def _task_state() -> bytes:
    state = bytearray(0x68)
    for number in range(10):
        struct.pack_into("<Q", state, 4 + 8 * number + 8 * (number > 2), STACK_TOP - (number << 12))
    return bytes(state)


def _next_snippet() -> bytes:
    count = b"\x48\x8b\x02\x48\xff\xc0\x48\x89\x02\x48\x83\xf8" + bytes([SNIPPETS_MAX])
    end = b"\x66\xba\x00\x05\xb8\0\0\0\0\xef\xf4"  # out 0x500, 0
    go_on = (
        _load("rsp", STACK_TOP) + _load("rcx", SNIPPETS) + b"\x48\xc1\xe0\x09\x48\x01\xc8\xff\xe0"
    )
    return _load("rdx", COUNTER) + count + b"\x72" + bytes([len(end)]) + end + go_on


@contextmanager
def time_limit(engine: UnicornEngine) -> Iterator[list[bool]]:
    """Interrupts ``engine`` when it takes too long, again and again; the value says whether."""
    done, cut = threading.Event(), [False]

    def watch() -> None:
        if not done.wait(TIME_LIMIT_S):
            cut[0] = True
            while not done.wait(0.01):
                engine.interrupt()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield cut
    finally:
        done.set()
        thread.join()


class Escapes:
    """Tells when Unicorn itself executes what must never reach it."""

    def __init__(self, engine: UnicornEngine) -> None:
        self.seen: list[str] = []
        self._callbacks: list[object] = []
        plain = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        port_in = ctypes.CFUNCTYPE(
            ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p
        )
        port_out = ctypes.CFUNCTYPE(
            None,
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint32,
            ctypes.c_void_p,
        )
        for name in ("RDTSC", "RDTSCP", "CPUID"):
            self._add(engine, name, plain)
        self._add(engine, "IN", port_in)
        self._add(engine, "OUT", port_out)

    def _add(self, engine: UnicornEngine, name: str, prototype: Callable[..., object]) -> None:
        def note(*_: object) -> int:
            self.seen.append(name)
            return 0

        callback = prototype(note)
        self._callbacks.append(callback)
        instance, hook = engine._instance, ctypes.c_size_t()
        error = instance.library.uc_hook_add(
            instance._handle,
            ctypes.byref(hook),
            ctypes.c_int(unicorn_const.UC_HOOK_INSN),
            ctypes.cast(callback, ctypes.c_void_p),
            None,
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
            ctypes.c_int(getattr(x86_const, f"UC_X86_INS_{name}")),
        )
        assert error == 0, error


def run(guest: WildGuest) -> Outcome:
    """Run on a bare engine, with answers that depend on nothing but their order."""
    image = GuestImage("hvt", 2, Manifest(()), guest.entry, (), (), CODE)
    boot = boot_state(BootRequest(image=image, mem_size=MEM_BYTES, tsc_hz=1))
    ram = GuestRam(MEM_BYTES)
    for segment in (*boot.segments, *guest.segments):
        ram.view[segment.gpa : segment.gpa + len(segment.data)] = segment.data
    engine = UnicornEngine()
    engine.map(ram, guest.protections)
    escapes = Escapes(engine)
    engine.set_registers({**boot.registers, "rsp": STACK_TOP})
    engine.set_registers(guest.registers)
    stops: list[str] = []
    with time_limit(engine) as cut:
        while len(stops) < STOPS_MAX and not cut[0] and _step(engine, stops):
            pass
    outcome = Outcome(tuple(stops), register_digest(engine.registers()), memory_digest(ram), cut[0])
    engine.close()
    if escapes.seen:
        raise AssertionError(f"Unicorn executed {sorted(set(escapes.seen))}")
    return outcome


def _step(engine: UnicornEngine, stops: list[str]) -> bool:
    """One stop; false when it was the last."""
    stop: Exit | str
    try:
        stop = engine.run()
    except NotReproducible as refusal:
        stop = str(refusal)
    stops.append(repr(stop))
    if isinstance(stop, Interrupted | TargetReached | TripleFault):
        return False
    if isinstance(stop, PortWrite) and stop.port == 0x500:
        return False
    if isinstance(stop, Trap):
        engine.set_registers(_answer(stop, len(stops)))
    elif not isinstance(stop, PortRead | PortWrite):
        engine.set_registers({"rip": HANDLER, "rsp": STACK_TOP, "rflags": 2})
    return True


def _answer(trap: Trap, number: int) -> dict[str, int]:
    if trap.kind in (TrapKind.RDTSC, TrapKind.RDTSCP):
        return {"rax": number * 1000, "rdx": 0}
    if trap.kind is TrapKind.CPUID:
        return {"rax": 1, "rbx": 2, "rcx": 3, "rdx": 4}
    return {trap.register: number * 77, "rflags": 2}


def run_mutated(wild: Wilderness, guest: bytes) -> Outcome:
    """Run a real guest with some of its bytes, tables and registers changed, behind its monitor."""
    image = read_image(guest, name="mutated.hvt")
    segments = [
        replace(s, data=wild.mutate(s.data)) if s.data and wild.chance(0.6) else s
        for s in image.segments
    ]
    image = replace(image, segments=segments)
    plan = MachinePlan(guest, "mutated.hvt", 16 << 20, 10**9, virtual_cpu("westmere"), b"x")
    engine = UnicornEngine()
    machine = Machine(plan, image, monitor_for(image, ()), engine)
    if wild.chance(0.3):
        machine.ram.view[0x1000:0x9000] = wild.mutate(bytes(machine.ram.view[0x1000:0x9000]))
    escapes = Escapes(engine)
    with time_limit(engine) as cut:
        try:
            ending = repr(Interposer(machine, ScriptedSource()).run(EVENTS_MAX))
        except (NotReproducible, MonitorError) as refusal:
            ending = str(refusal)
    outcome = Outcome(
        (ending,), register_digest(engine.registers()), memory_digest(machine.ram), cut[0]
    )
    machine.close()
    if escapes.seen:
        raise AssertionError(f"Unicorn executed {sorted(set(escapes.seen))}")
    return outcome


KINDS: dict[str, Callable[[Wilderness, bytes], Outcome]] = {
    "bytes": lambda wild, _: run(wild.bytes_as_code()),
    "system": lambda wild, _: run(wild.system_code()),
    "state": lambda wild, _: run(wild.wild_state()),
    "mutated": run_mutated,
}


def main(words: Sequence[str]) -> int:
    """Run the cases that the command line names; 1 when something went wrong."""
    faulthandler.enable()
    if not is_compiled():
        # Unicorn aborts on some locked instructions, which only the compiled callbacks survive.
        INSTRUCTIONS[:] = [code for code in INSTRUCTIONS if b"\xf0" not in code]
    kind, first, count = words[0], int(words[1]), int(words[2])
    guest = Path(words[3]).read_bytes() if len(words) > 3 else b""
    wrong = 0
    for number in range(first, first + count):
        print("case", kind, number, flush=True)
        try:
            one, two = (KINDS[kind](Wilderness(f"{kind} {number}"), guest) for _ in range(2))
        except Exception as error:
            print(f"WRONG {kind} {number}: {type(error).__name__}: {error}", flush=True)
            wrong += 1
            continue
        if one != two and not one.cut and not two.cut:
            print(f"WRONG {kind} {number}: two runs differ:\n{one}\n{two}", flush=True)
            wrong += 1
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
