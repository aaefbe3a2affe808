"""A debugger's way through a recording: a timeline, and the diversion that it may be on.

What fails on the way is ``Refused`` with the reason; the guest then stands somewhere, and every
other way stays open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from monitors.errors import MonitorError
from monitors.ports import Registers
from replay.engines.errors import EngineError
from replay.engines.ports import Access
from replay.gdbstub.errors import Refused
from replay.gdbstub.function_calls import FunctionCall, same_registers
from replay.gdbstub.range_steps import step_through
from replay.machine.position import Position
from replay.player.errors import PlayerError
from replay.player.stops import Direction, Stop, View, Wanted, Watch, Why
from replay.player.symbols import Symbols
from traces.errors import TraceError

if TYPE_CHECKING:
    from replay.player.diversion import Diversion
    from replay.player.origins import Origin
    from replay.player.timeline import Timeline

_SCRATCH_BYTES = 1 << 16
_FAILURES = (EngineError, MonitorError, PlayerError, TraceError)


class Journey:
    """Where the guest stands, and how it gets elsewhere."""

    def __init__(self, timeline: Timeline, say: Callable[[str], None]) -> None:
        """``say`` takes what a person should know at once."""
        self.timeline = timeline
        self._say = say
        self.stop = Stop(timeline.position, Why.START)
        if timeline.position == timeline.end:
            self.stop = timeline.run(Direction.FORWARD, Wanted())  # which tells how it ended
        self._diversion: Diversion | None = None
        self._calls = 0
        self._calls_divert = False
        self._call = FunctionCall()
        self._is_for_call = False
        self._announced = False
        self._interrupted = False

    @property
    def diverted(self) -> bool:
        """Whether what is seen is a diversion and not the recording."""
        return self._diversion is not None and not self._is_idle()

    @property
    def view(self) -> View:
        """The guest as it is now."""
        return self._diversion or self.timeline

    def seek(self, position: Position) -> Stop:
        """Go to a position of the recording."""
        self.end_diversion()
        return self._travel(lambda: self.timeline.seek(position))

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        """Go until something wanted is met or the recording ends. Back from a diversion is no
        further than where it began."""
        if self._leaves_recording(wanted) and self._diversion is not None:
            return self._divert(direction, self._diversion.run, wanted)
        return self._travel(lambda: self.timeline.run(direction, wanted))

    def step(self, direction: Direction, wanted: Wanted) -> Stop:
        """One instruction, in which watched memory may be accessed."""
        if self._leaves_recording(wanted) and self._diversion is not None:
            return self._divert(direction, lambda _: self._stepped_aside(), wanted)
        return self._travel(lambda: self._step(direction, wanted))

    def step_range(self, start: int, end: int, wanted: Wanted) -> Stop:
        """One instruction, and more as long as the guest is in ``[start, end)``."""
        return step_through(self, start, end, wanted)

    def last_write(self, address: int, size: int) -> Stop | None:
        """Go to before the last write to some memory; None, and stay, where there was none."""
        self.end_diversion()
        with self._failing():
            found = self.timeline.last_write(address, size)
        if found is not None:
            self.stop = found
        return found

    def origin(self, text: str) -> Origin:
        """Where the value that ``text`` names comes from; the guest stays where it is."""
        from replay.player.named_values import parse_where
        from replay.player.origins import find_origin

        if self.diverted:
            raise Refused("only values of the recording have an origin, and this is a diversion")
        self._interrupted = False
        with self._failing():
            what = parse_where(text, self.symbols, self.timeline)
            return find_origin(
                self.timeline, self.symbols, what, cancelled=lambda: self._interrupted
            )

    @cached_property
    def symbols(self) -> Symbols:
        """Names and lines of the guest."""
        return Symbols(self.timeline.guest)

    def interrupt(self) -> None:
        """Make what goes on end soon; from any thread."""
        self._interrupted = True
        diversion = self._diversion
        (self.timeline if diversion is None else diversion).interrupt()

    # ---- diversions

    def write(self, address: int, data: bytes) -> None:
        """Change memory of a diversion. Nobody's is what lies below the stack: there debuggers put
        what they need to call a function."""
        diversion, is_new = self._on_diversion()
        below_stack = diversion.registers()["rsp"] - address
        with self._failing():
            if not diversion.write(address, data):
                raise Refused(f"not all of the {len(data)} bytes at {address:#x} are memory")
        if is_new and 0 < below_stack <= _SCRATCH_BYTES:
            self._is_for_call = True
        elif is_new:
            self._announce()

    def set_registers(self, values: Registers) -> None:
        """Change registers of a diversion. It is over when that ends a call of a function, for
        which it was begun."""
        self._call.registers_change(self.view.registers())
        diversion, is_new = self._on_diversion()
        self._is_for_call = self._is_for_call or is_new
        with self._failing():
            for name, value in values.items():
                diversion.set_register(name, value)
        if self._call.is_over(diversion.registers()) and self._is_for_call:
            self.end_diversion()

    def begin_call(self) -> None:
        """See ``replay.gdbstub.target.CallsFunctions``."""
        if not self._calls:
            self._calls_divert = not self.diverted
        self._calls += 1

    def end_call(self) -> None:
        """See ``replay.gdbstub.target.CallsFunctions``."""
        self._calls = max(0, self._calls - 1)
        if not self._calls and self._calls_divert:
            self.end_diversion()

    def end_diversion(self) -> None:
        """See the recording again, where it was left."""
        diversion, self._diversion = self._diversion, None
        self._calls = 0
        self._call.forget()
        self._is_for_call = self._announced = False
        if diversion is not None:
            diversion.close()
            self.stop = Stop(self.timeline.position, Why.REACHED)

    def _on_diversion(self) -> tuple[Diversion, bool]:
        """The diversion, and whether it is new."""
        if self._diversion is not None:
            return self._diversion, False
        with self._failing():
            self._diversion = self.timeline.divert()
        return self._diversion, True

    def _leaves_recording(self, wanted: Wanted) -> bool:
        """Whether what is about to run runs on a diversion; says so unless it is a call."""
        if self._diversion is None:
            return False
        if self._call.begins(self.view, wanted.breaks):
            return True
        if self._is_idle():
            self.end_diversion()
            return False
        self._announce()
        return True

    def _is_idle(self) -> bool:
        """A call was prepared and then not made, or it is over: all is as in the recording."""
        return (
            self._diversion is not None
            and self._is_for_call
            and same_registers(self._diversion.registers(), self.timeline.registers())
        )

    def _announce(self) -> None:
        """Say once that the recording was left; not when a function is called, which is over
        soon."""
        if self._announced or self._calls:
            return
        self._announced, self._is_for_call = True, False
        self._say(
            f"a diversion begins at {self.timeline.position}: nothing of it reaches the "
            "recording; going back, seeking or detaching ends it"
        )

    def _divert(self, direction: Direction, go: Callable[[Wanted], Stop], wanted: Wanted) -> Stop:
        if direction is Direction.BACKWARD:
            self.end_diversion()
            return self.stop
        with self._failing():
            self.stop = go(wanted)
        return self.stop

    def _stepped_aside(self) -> Stop:
        assert self._diversion is not None
        return self._diversion.step(1)

    # ---- the recording

    def _travel(self, go: Callable[[], Stop]) -> Stop:
        with self._failing():
            self.stop = go()
        return self.stop

    def _step(self, direction: Direction, wanted: Wanted) -> Stop:
        before = self.timeline.position
        contents = [self._contents(watch) for watch in wanted.watches]
        stop = self.timeline.step(1 if direction is Direction.FORWARD else -1)
        if stop.why is not Why.REACHED or not wanted.watches:
            return stop
        for watch, content in zip(wanted.watches, contents, strict=True):
            if watch.point.access is not Access.READ and self._contents(watch) != content:
                return Stop(stop.position, Why.WATCH, watch)
        return self._step_again(direction, wanted, before, stop)

    def _step_again(
        self, direction: Direction, wanted: Wanted, before: Position, stop: Stop
    ) -> Stop:
        """Reads show in nothing but a run that looks out for them."""
        watches = [watch for watch in wanted.watches if watch.point.access is not Access.WRITE]
        if not watches:
            return stop
        self.timeline.seek(before)
        return self.timeline.run(direction, Wanted(watches=watches, until=stop.position))

    def _contents(self, watch: Watch) -> bytes | None:
        return self.timeline.read(watch.point.address, watch.point.size)

    def _stand_before_failure(self) -> None:
        """Where a replay and its recording part ways there is no way on, and it is told again to
        whoever tries."""
        with contextlib.suppress(*_FAILURES):
            self.timeline.seek(self.timeline.position)
        self.stop = Stop(self.timeline.position, Why.REACHED)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            if self._diversion is None:
                self._stand_before_failure()
            raise Refused(str(error)) from error
