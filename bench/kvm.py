"""What the KVM engine adds to an exit: against a loop in C around the same ioctl.

The guest does nothing but exit, so hosts that emulate guests are as good for it as others.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from bench.figures import Answer, Figure, Samples
from monitors.ports import PortWrite
from replay.engines.errors import EngineUnavailable
from replay.engines.kvm.engine import KvmEngine
from replay.engines.kvm.probe import probe
from replay.engines.ram import GuestRam

_QUESTION = "What does the KVM engine add to an exit?"
_GOAL_US = 4.0
_SOURCE = Path(__file__).with_name("kvm_exits.c")
_CODE = bytes.fromhex("ef ebfd")  # 1: out dx, eax; jmp 1b
_MEMORY_BYTES = 0x10000
_TABLES = ((0x2000, 0x3063), (0x3000, 0x4063), (0x4000, 0xE3))
_STATE = {
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 0x10),
    "rip": 0x1000,
    "rdx": 0x501,
    "rflags": 2,
    "cs": 8,
    "cr0": 0x80010021,
    "cr3": 0x2000,
    "cr4": 0x620,
    "efer": 0x500,
    "gdtr_base": 0,
}


def answer(folder: Path, *, quick: bool = False) -> Answer:
    """Rounds of the loop in C and of the engine, in turn; microseconds of processor time."""
    try:
        KvmEngine().close()
    except EngineUnavailable as error:
        return Answer(_QUESTION, (), f"Not measured: {error}.")
    program = folder / "kvm_exits"
    subprocess.run(["cc", "-O2", "-Wall", "-o", program, _SOURCE], check=True)
    exits, rounds = (5_000, 3) if quick else (50_000, 15)
    samples, probes = Samples(), Samples()
    for _ in range(rounds):
        samples.add("C", _in_c(program, exits))
        samples.add("engine", _in_engine(exits))
        started = time.perf_counter()
        probe()
        probes.add("probe", (time.perf_counter() - started) * 1e3)
    return Answer(
        _QUESTION,
        (
            Figure("an exit, C", samples.median("C"), "us", how=samples.spread("C")),
            Figure("an exit, engine", samples.median("engine"), "us", how=samples.spread("engine")),
            Figure("added", samples.added("engine", "C"), "us", _GOAL_US, "processor time"),
            Figure("the probe", probes.median("probe"), "ms", 10.0, probes.spread("probe")),
        ),
    )


def _in_c(program: Path, exits: int) -> float:
    done = subprocess.run([program, str(exits)], check=True, capture_output=True, text=True)
    return float(done.stdout) / 1e3


def _in_engine(exits: int) -> float:
    engine, ram = KvmEngine(), GuestRam(_MEMORY_BYTES)
    try:
        ram.view[0x1000 : 0x1000 + len(_CODE)] = _CODE
        for gpa, entry in _TABLES:
            ram.view[gpa : gpa + 8] = entry.to_bytes(8, "little")
        engine.map(ram, ())
        engine.set_registers(_STATE)
        run = engine.run
        started = time.process_time()
        for _ in range(exits):
            exit_ = run()
        spent = time.process_time() - started
        assert exit_ == PortWrite(0x501, 0, 4)
    finally:
        engine.close()
        ram.close()
    return spent / exits * 1e6
