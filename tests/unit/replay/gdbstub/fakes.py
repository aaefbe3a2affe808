"""A guest of a few instructions, for tests of the stub: it only counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitors.ports import Registers
from replay.engines.ports import Access
from replay.gdbstub.errors import Refused
from replay.machine.ending import Halted, Misused
from replay.machine.position import Position
from replay.player.stops import Stop, Wanted, Why

CODE = 0x1000
LENGTH = 100
MEMORY = 0x4000
COUNTER = 0x2000


class FakeGuest:
    """Instruction ``n`` stands at ``CODE + n`` and writes ``n + 1`` to ``COUNTER``.

    It can be looked at, changed and run, but not back.
    """

    guest_name = "folder/fa ke.hvt"
    memory_bytes = MEMORY

    def __init__(self, elf: bytes | None = b"\x7fELF") -> None:
        self.at = 0
        self.elf = elf
        self.stop = Stop(Position(0), Why.START)
        self.ending: Halted | Misused | None = None
        self.changes: dict[str, int] = {}
        self.memory = bytearray(MEMORY)
        self.log: list[str] = []
        self.on_run: Callable[[], None] = lambda: None

    def guest_file(self) -> bytes | None:
        return self.elf

    def here(self) -> Stop:
        return self.stop

    def registers(self) -> Registers:
        return {
            "rax": 1,
            "rbp": 2,
            "rsp": 3,
            "rflags": 0x202,
            "rip": CODE + self.at,
            **self.changes,
        }

    def read(self, address: int, size: int) -> bytes | None:
        if not 0 <= address <= address + size <= MEMORY:
            return None
        self.memory[COUNTER] = self.at
        return bytes(self.memory[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        if self.read(address, len(data)) is None:
            raise Refused(f"no memory at {address:#x}")
        self.memory[address : address + len(data)] = data

    def set_registers(self, values: Registers) -> None:
        self.changes.update(values)

    def step(self, wanted: Wanted) -> Stop:
        return self._go(1, 1, replace(wanted, breaks=()))

    def step_range(self, start: int, end: int, wanted: Wanted) -> Stop:
        stop = self._go(1, 1, wanted)
        while stop.why is Why.REACHED and start <= self.registers()["rip"] < end:
            stop = self._go(1, 1, wanted)
        return stop

    def run(self, wanted: Wanted) -> Stop:
        return self._go(1, LENGTH + 1, wanted)

    def interrupt(self) -> None:
        self.log.append("interrupt")

    def command(self, line: str) -> str:
        return line.upper()

    def detach(self) -> None:
        self.log.append("detach")

    def _go(self, way: int, count: int, wanted: Wanted) -> Stop:
        self.on_run()
        if "interrupt" in self.log:
            self.log.remove("interrupt")
            return self._stopped(Why.INTERRUPTED)
        for _ in range(count):
            if self.at == (LENGTH if way > 0 else 0):
                return self._stopped(Why.END if way > 0 else Why.START)
            self.at += way
            for watch in wanted.watches:
                inside = watch.point.address <= COUNTER < watch.point.address + watch.point.size
                if inside and watch.point.access is not Access.READ:
                    return self._stopped(Why.WATCH, watch)
            for point in wanted.breaks:
                if point.address == CODE + self.at and (
                    point.condition is None or point.condition(self)
                ):
                    return self._stopped(Why.BREAK, point)
        return self._stopped(Why.REACHED)

    def _stopped(self, why: Why, hit: object = None) -> Stop:
        ending = self.ending if why is Why.END else None
        self.stop = Stop(Position(0, self.at), why, hit, ending)  # type: ignore[arg-type]
        return self.stop


class FakeRecording(FakeGuest):
    """It can also go back, and call functions."""

    calls = 0

    def step_back(self, wanted: Wanted) -> Stop:
        return self._go(-1, 1, replace(wanted, breaks=()))

    def run_back(self, wanted: Wanted) -> Stop:
        return self._go(-1, LENGTH + 1, wanted)

    def start_over(self, words: tuple[str, ...]) -> Stop:
        place = words[0] if words else "0"
        if place not in map(str, range(LENGTH)):
            raise Refused("there is no such place")
        self.at = int(place)
        return self._stopped(Why.REACHED)

    def begin_call(self) -> None:
        self.calls += 1

    def end_call(self) -> None:
        self.calls -= 1
        self.changes.clear()
