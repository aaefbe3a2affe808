"""A throw-away clone of a replay: what if this register, this byte were another, what does this
function return? It lives in a scratch world and can never reach the recording."""

from __future__ import annotations

from monitors.ports import Breakpoint, Registers
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.machine.ending import Ending, Halted, Misused, Paused, Stopped
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.machine.position import Position
from replay.player.lookout import aligned_pieces
from replay.player.machine_view import MachineView
from replay.player.rewind import RewindableReplay
from replay.player.scratch_world import ScratchWorld
from replay.player.source import ConsoleSink
from replay.player.stops import Break, Stop, Wanted, Watch, Why
from replay.player.travelling_engine import TravellingEngine, travelling_engine

_CHUNK = 10_000_000
_FOREVER = 1 << 62


class Diversion:
    """One clone; see ``replay.player.stops.View``. Close it when done."""

    def __init__(self, replay: RewindableReplay, console: ConsoleSink = len) -> None:
        """Stands where ``replay`` stands, which stays as it is."""
        source = replay.machine
        self._engine: TravellingEngine = travelling_engine()
        self._machine = boot_machine(source.plan, self._engine)
        _copy_memory(source.ram, self._machine)
        self._engine.set_registers(source.engine.registers())
        here = replay.position
        world = ScratchWorld(replay.trace, here.event, source.plan, replay.blocks, console)
        self._door = Interposer(self._machine, world)
        self._door.jump(here)
        self._view = MachineView(self._machine)
        self._ending: Halted | Misused | None = None
        self._interrupted = False

    @property
    def position(self) -> Position:
        """Where it stands, counted on from where it left the recording."""
        return Position(self._door.events, self._door.instructions)

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._view.registers()

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address, or ``None`` where the guest has none."""
        return self._view.read(address, size)

    def write(self, address: int, data: bytes) -> bool:
        """Change memory at a virtual address; false, and nothing done, where there is none."""
        pieces = list(self._view.places(self.registers(), address, len(data)))
        if any(gpa is None for gpa, _ in pieces):
            return False
        at = 0
        for gpa, length in pieces:
            if gpa is not None:
                self._engine.write(gpa, data[at : at + length])
            at += length
        return True

    def set_register(self, name: str, value: int) -> None:
        """Change one register; raises ``EngineFailure`` for one that cannot be changed alone."""
        self._engine.set_registers({name: value})

    def step(self, count: int) -> Stop:
        """Go ``count`` instructions on; an event counts as one."""
        return self._run(Wanted(), count)

    def run(self, wanted: Wanted) -> Stop:
        """Go on to the first place of those ``wanted``: breakpoints, watched memory, or an end."""
        pieces = [piece for watch in wanted.watches for piece in aligned_pieces(watch.point)]
        self._engine.set_breakpoints([each.address for each in wanted.breaks])
        self._engine.set_watchpoints(pieces)
        try:
            return self._run(wanted, _FOREVER)
        finally:
            self._engine.set_breakpoints(())
            self._engine.set_watchpoints(())

    def interrupt(self) -> None:
        """Make it stop soon; from any thread."""
        self._interrupted = True
        self._machine.interrupt()

    def close(self) -> None:
        """Throw it away."""
        self._machine.close()

    def _run(self, wanted: Wanted, steps: int) -> Stop:
        self._interrupted = False
        last = self._door.steps + steps
        while self._door.steps < last and not self._was_interrupted():
            if self._ending is not None:
                return Stop(self.position, Why.END, ending=self._ending)
            ending = self._door.advance(min(last - self._door.steps, _CHUNK), _FOREVER)
            hit = self._judge(wanted, ending)
            if hit is not None:
                return hit
        why = Why.INTERRUPTED if self._was_interrupted() else Why.REACHED
        return Stop(self.position, why)

    def _was_interrupted(self) -> bool:
        return self._interrupted

    def _judge(self, wanted: Wanted, ending: Ending) -> Stop | None:
        if isinstance(ending, Halted | Misused):
            self._ending = ending
            return Stop(self.position, Why.END, ending=ending)
        if isinstance(ending, Stopped):
            return Stop(self.position, Why.INTERRUPTED) if self._interrupted else None
        if not isinstance(ending, Paused):
            return None
        if isinstance(ending.exit, Breakpoint):
            return self._first_true(
                Why.BREAK, [each for each in wanted.breaks if each.address == ending.exit.rip]
            )
        at = ending.exit.address
        return self._first_true(
            Why.WATCH,
            [
                each
                for each in wanted.watches
                if each.point.address - 8 < at < each.point.address + each.point.size
            ],
        )

    def _first_true(self, why: Why, hits: list[Break] | list[Watch]) -> Stop | None:
        for hit in hits:
            if hit.condition is None or hit.condition(self._view):
                return Stop(self.position, why, hit)
        return None


def _copy_memory(source: GuestRam, machine: Machine) -> None:
    """Make a machine's memory that of ``source``."""
    ranges = [*source.resident_ranges(), *machine.ram.resident_ranges()]
    pages = {at for start, end in ranges for at in range(start, end, PAGE_BYTES)}
    for at in sorted(pages):
        wanted = bytes(source.view[at : at + PAGE_BYTES])
        if wanted != bytes(machine.ram.view[at : at + PAGE_BYTES]):
            machine.engine.write(at, wanted)
