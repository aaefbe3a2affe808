"""A guest as the stub's target while it runs for the first time and is recorded.

It goes forward only, and nothing of it can be changed: what a debugger writes would not be in the
recording. Between two stops it runs at full speed on its own engine; single steps are made on the
one that counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from monitors.ports import Breakpoint, Registers, Watched
from replay.engines.errors import EngineError
from replay.engines.ports import Access, Breaks, Watches, Watchpoint
from replay.gdbstub.errors import Refused
from replay.gdbstub.range_steps import step_through
from replay.gdbstub.waker import Waker
from replay.machine.ending import Ending, Halted, Misused, Paused, Stopped
from replay.machine.errors import MachineError
from replay.machine.handover import end_detour
from replay.machine.interpose import Interposer
from replay.machine.position import Position
from replay.player.lookout import aligned_pieces
from replay.player.machine_view import MachineView
from replay.player.stops import Break, Direction, Stop, View, Wanted, Watch, Why

_UNCHANGED = (
    "a guest that is being recorded cannot be changed, and none of its functions can be called: "
    "the recording would not replay; afterwards both work in diversions of the recording"
)
_HELP = "monitor when: how many events there were. More is possible with the recording, afterwards."
_WORD_BYTES = 8


class LiveTarget:
    """See ``replay.gdbstub.target.Target``.

    ``ending`` is how the guest ended and ``failure`` what made it impossible to go on, once that
    has happened; ``killed`` whether the debugger wants it to end.
    """

    def __init__(self, interposer: Interposer, waker: Waker, say: Callable[[str], None]) -> None:
        """``waker`` interrupts the guest's waiting for the host; ``say`` takes what a person should
        know and gdb would not show."""
        self._interposer = interposer
        self._say = say
        self._machine = interposer.machine
        self._waker = waker
        self._view = MachineView(self._machine)
        self._interrupted = False
        self.ending: Halted | Misused | None = None
        self.failure: EngineError | MachineError | None = None
        self.killed = False
        self.stop = Stop(Position(0), Why.START)
        self.guest_name = self._machine.plan.guest_name
        self.memory_bytes = self._machine.plan.mem_size

    @property
    def view(self) -> View:
        """The guest as it is now."""
        return self._view

    def guest_file(self) -> bytes | None:
        """The guest's ELF file."""
        return self._machine.plan.guest

    def here(self) -> Stop:
        """Where it stopped last."""
        return self.stop

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._view.registers()

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address."""
        return self._view.read(address, size)

    def write(self, _address: int, _data: bytes) -> None:
        """Always refused."""
        self._say(_UNCHANGED)
        raise Refused(_UNCHANGED)

    def set_registers(self, _values: Registers) -> None:
        """Always refused."""
        raise Refused(_UNCHANGED)

    def step(self, wanted: Wanted) -> Stop:
        """One instruction; writes to watched memory show, reads do not."""
        self._begin()
        return self.step_on(wanted)

    def step_on(self, wanted: Wanted) -> Stop:
        """``step`` as a part of a longer journey, of which an interrupt ends the whole."""
        if self.ending is not None:
            return self._stopped(Why.END)
        contents = [self.read(each.point.address, each.point.size) for each in wanted.watches]
        ending = self._go(lambda: self._interposer.advance(1, sys.maxsize))
        if isinstance(ending, Halted | Misused):
            return self._ended(ending)
        for watch, content in zip(wanted.watches, contents, strict=True):
            point = watch.point
            written = self.read(point.address, point.size) != content
            if written and point.access is not Access.READ:
                return self._stopped(Why.WATCH, watch)
        return self._stopped(Why.INTERRUPTED if self._is_cut(ending) else Why.REACHED)

    def step_range(self, start: int, end: int, wanted: Wanted) -> Stop:
        """On, out of a range."""
        self._begin()
        return step_through(_Forward(self), start, end, wanted)

    def run(self, wanted: Wanted) -> Stop:
        """On, to what is wanted or the guest's end."""
        self._begin()
        return self.run_on(wanted)

    def run_on(self, wanted: Wanted) -> Stop:
        """``run`` as a part of a longer journey, of which an interrupt ends the whole."""
        if self.ending is not None:
            return self._stopped(Why.END)
        try:
            self._set(wanted.breaks, _pieces(wanted))
            return self._run(wanted)
        finally:
            self._set((), ())

    def check(self, wanted: Wanted) -> None:
        """See ``replay.gdbstub.target.Limited``."""
        engine = self._machine.resting or self._machine.engine
        most = engine.watches_max if isinstance(engine, Watches) else 0
        if len(_pieces(wanted)) > most:
            raise Refused(
                f"the engine watches no more than {most} words at once; the recording can be "
                "watched without limits"
            )

    def go_on_alone(self) -> Ending:
        """Without a debugger, to the guest's end or until the operator asks to stop.

        Raises what ``Interposer.run`` raises.
        """
        self._begin()
        ending = self._interposer.run()
        return self._interposer.run() if isinstance(ending, Stopped) else ending

    def interrupt(self) -> None:
        """Make it stop soon; from any thread."""
        self._interrupted = True
        self._machine.interrupt()
        self._waker.wake()

    def kill(self) -> None:
        """The guest is not to go on when its debugger has left."""
        self.killed = True

    def command(self, line: str) -> str:
        """The answer to a line behind ``monitor``."""
        return f"behind {self.stop.position.event} events" if line.strip() == "when" else _HELP

    def detach(self) -> None:
        """The guest goes on without its debugger: nothing is left to be undone."""

    def _begin(self) -> None:
        self._interrupted = False
        self._waker.clear()

    def _run(self, wanted: Wanted) -> Stop:
        while True:
            ending = self._go(self._interposer.run)
            if isinstance(ending, Halted | Misused):
                return self._ended(ending)
            hit = self._hit(wanted, ending.exit) if isinstance(ending, Paused) else None
            if hit is not None:
                return self._stopped(Why.BREAK if isinstance(hit, Break) else Why.WATCH, hit)
            if self._is_cut(ending):
                return self._stopped(Why.INTERRUPTED)

    def _is_cut(self, ending: Ending) -> bool:
        return self._interrupted or isinstance(ending, Stopped)

    def _go(self, go: Callable[[], Ending]) -> Ending:
        """An interrupt that came too late for the journey it was for ends no other one."""
        ending = self._going(go)
        if isinstance(ending, Stopped) and not self._interrupted:
            return self._going(go)
        return ending

    def _going(self, go: Callable[[], Ending]) -> Ending:
        if self.failure is None:
            try:
                return go()
            except (EngineError, MachineError) as error:
                self.failure = error
        raise Refused(f"the guest cannot go on: {self.failure}")

    def _hit(self, wanted: Wanted, exit_: Breakpoint | Watched) -> Break | Watch | None:
        if isinstance(exit_, Breakpoint):
            met: Sequence[Break | Watch] = [
                each for each in wanted.breaks if each.address == exit_.rip
            ]
        else:
            met = [each for each in wanted.watches if _overlaps(each.point, exit_.address)]
        return next((each for each in met if not each.condition or each.condition(self)), None)

    def _set(self, breaks: Sequence[Break], watchpoints: Sequence[Watchpoint]) -> None:
        end_detour(self._machine)
        engine = self._machine.engine
        if breaks and not isinstance(engine, Breaks):
            raise Refused("this engine has no breakpoints")
        try:
            if isinstance(engine, Breaks):
                engine.set_breakpoints([each.address for each in breaks])
            if isinstance(engine, Watches):
                engine.set_watchpoints(watchpoints)
        except EngineError as error:
            raise Refused(str(error)) from error

    def _ended(self, ending: Halted | Misused) -> Stop:
        self.ending = ending
        return self._stopped(Why.END)

    def _stopped(self, why: Why, hit: Break | Watch | None = None) -> Stop:
        position = Position(self._interposer.events, self._interposer.instructions)
        self.stop = Stop(position, why, hit, self.ending if why is Why.END else None)
        return self.stop


class _Forward:
    """A live guest as ``step_through`` wants it."""

    def __init__(self, target: LiveTarget) -> None:
        self._target = target

    @property
    def stop(self) -> Stop:
        return self._target.stop

    @stop.setter
    def stop(self, stop: Stop) -> None:
        self._target.stop = stop

    @property
    def view(self) -> View:
        return self._target.view

    def step(self, _direction: Direction, wanted: Wanted) -> Stop:
        return self._target.step_on(wanted)

    def run(self, _direction: Direction, wanted: Wanted) -> Stop:
        return self._target.run_on(wanted)


def _pieces(wanted: Wanted) -> list[Watchpoint]:
    return [piece for watch in wanted.watches for piece in aligned_pieces(watch.point)]


def _overlaps(point: Watchpoint, address: int) -> bool:
    return point.address - _WORD_BYTES < address < point.address + point.size
