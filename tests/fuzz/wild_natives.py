"""Guests of random code on the native engine, for a process of its own: see test_wild_natives.py.

    python -m tests.fuzz.wild_natives FIRST COUNT

runs the cases FIRST to FIRST + COUNT - 1 and prints what went wrong. The code of a case is a pure
function of its number; every second guest is in user mode, every third in memory that is writable.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitors.hvt.boot import boot_state
from monitors.manifest import Manifest
from monitors.ports import (
    BootRequest,
    GuestImage,
    Interrupted,
    Protection,
    Segment,
    Trap,
    TripleFault,
    UserFault,
)
from replay.engines.errors import CannotGoOn, NotReproducible
from replay.engines.native.engine import NativeEngine
from replay.engines.ram import GuestRam
from tests.fuzz.wild_guests import CODE, INSTRUCTIONS, MEM_BYTES, STACK_TOP, Wilderness
from tests.unit.replay.engines.native.machines import USER_REGISTERS

_TEXT = Protection(CODE, CODE + 0x2000, writable=False)
_LOW = Protection(0, 0x10000, writable=False, readable=False, executable=False)
_STOPS_MAX = 30
_LIMIT_S = 0.1


@dataclass(frozen=True, slots=True)
class _Case:
    """What a machine is to start with."""

    segments: Sequence[Segment]
    protections: Sequence[Protection]
    registers: dict[str, int]


def _ring_0(number: int) -> _Case:
    draw, wild = random.Random(f"native {number}"), Wilderness(f"native {number}")
    guest = wild.bytes_as_code() if draw.random() < 0.3 else wild.system_code()
    image = GuestImage("hvt", 2, Manifest(()), CODE, (), (), CODE)
    boot = boot_state(BootRequest(image=image, mem_size=MEM_BYTES, tsc_hz=1))
    text = () if number % 3 == 0 else (_TEXT,)
    registers = {**boot.registers, "rsp": STACK_TOP}
    return _Case([*boot.segments, *guest.segments], text, registers)


def _user_mode(number: int) -> _Case:
    draw = random.Random(f"native {number}")
    pieces = [draw.choice((draw.choice(INSTRUCTIONS), draw.randbytes(3))) for _ in range(40)]
    text = () if number % 3 == 0 else (_TEXT,)
    registers = {**USER_REGISTERS, "rsp": STACK_TOP}
    return _Case([Segment(CODE, b"".join(pieces))], (_LOW, *text), registers)


def run_case(number: int) -> str:
    """How a guest came to its end; raises what no guest may cause."""
    case = (_user_mode if number % 2 else _ring_0)(number)
    ram = GuestRam(MEM_BYTES)
    for segment in case.segments:
        ram.view[segment.gpa : segment.gpa + len(segment.data)] = segment.data
    engine = NativeEngine()
    try:
        engine.map(ram, case.protections)
        engine.set_registers(case.registers)
        with _limited(engine):
            return _run(engine)
    finally:
        engine.close()
        ram.close()


def _run(engine: NativeEngine) -> str:
    for _ in range(_STOPS_MAX):
        try:
            exit_ = engine.run()
        except (NotReproducible, CannotGoOn) as error:
            return type(error).__name__
        if isinstance(exit_, (Interrupted, TripleFault, UserFault)):
            return type(exit_).__name__
        if isinstance(exit_, Trap):
            engine.set_registers({"rax": 0, "rdx": 0})
    return "stops"


@contextmanager
def _limited(engine: NativeEngine) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        wait_s = _LIMIT_S
        while not done.wait(wait_s):
            wait_s = 0.02
            engine.interrupt()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def children() -> Sequence[str]:
    """The processes that this one has."""
    return Path("/proc/thread-self/children").read_text().split()


def main(words: Sequence[str]) -> int:
    """Run the cases that the command line names; 1 when something went wrong."""
    faulthandler.enable()
    first, count = int(words[0]), int(words[1])
    wrong = 0
    for number in range(first, first + count):
        try:
            print("case", number, run_case(number), flush=True)
            assert not children(), "a process has been left behind"
        except Exception as error:
            print(f"WRONG {number}: {type(error).__name__}: {error}", flush=True)
            wrong += 1
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
