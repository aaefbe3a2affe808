"""A timeline as the stub's target: a recorded guest that can be debugged in both directions."""

from __future__ import annotations

from collections.abc import Callable

from monitors.ports import Registers
from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_commands import MonitorCommands
from replay.gdbstub.monitor_questions import Describe
from replay.player.errors import BadPlace
from replay.player.stops import Direction, Stop, Wanted
from replay.player.timeline import Timeline


class TimelineTarget:
    """See ``replay.gdbstub.target``: ``Target``, ``Reverses``, ``CallsFunctions``, ``Notifies``."""

    def __init__(
        self, timeline: Timeline, say: Callable[[str], None] | None = None, describe: Describe = str
    ) -> None:
        """``say`` takes what a person should know at once; without it the client is told, with
        its next journey. ``describe`` makes lines of events."""
        self._timeline = timeline
        self._notices: list[str] = []
        self._journey = Journey(timeline, say or self._notices.append)
        self._commands = MonitorCommands(self._journey, describe)
        header = timeline.trace.header
        self.guest_name = header.guest.name
        self.memory_bytes = header.machine.mem_size

    def guest_file(self) -> bytes | None:
        """The guest's ELF file."""
        return self._timeline.guest

    def here(self) -> Stop:
        """The last journey's end."""
        return self._journey.stop

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._journey.view.registers()

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address."""
        return self._journey.view.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Change memory, on a diversion."""
        self._journey.write(address, data)

    def set_registers(self, values: Registers) -> None:
        """Change registers, on a diversion."""
        self._journey.set_registers(values)

    def step(self, wanted: Wanted) -> Stop:
        """One instruction on."""
        return self._journey.step(Direction.FORWARD, wanted)

    def step_range(self, start: int, end: int, wanted: Wanted) -> Stop:
        """On, out of a range."""
        return self._journey.step_range(start, end, wanted)

    def run(self, wanted: Wanted) -> Stop:
        """On, to what is wanted."""
        return self._journey.run(Direction.FORWARD, wanted)

    def step_back(self, wanted: Wanted) -> Stop:
        """One instruction back."""
        return self._journey.step(Direction.BACKWARD, wanted)

    def run_back(self, wanted: Wanted) -> Stop:
        """Back, to what is wanted."""
        return self._journey.run(Direction.BACKWARD, wanted)

    def start_over(self, words: tuple[str, ...]) -> Stop:
        """To the place that the first word names; to the start without one."""
        try:
            place = self._commands.places.find(words[0] if words else "start")
        except BadPlace as error:
            raise Refused(str(error)) from error
        return self._journey.seek(place)

    def begin_call(self) -> None:
        """The client is about to let the guest call a function."""
        self._journey.begin_call()

    def end_call(self) -> None:
        """That call is over."""
        self._journey.end_call()

    def take_notices(self) -> list[str]:
        """What nobody could be told at once."""
        notices = list(self._notices)
        self._notices.clear()
        return notices

    def interrupt(self) -> None:
        """Make a journey end soon; from any thread."""
        self._journey.interrupt()

    def command(self, line: str) -> str:
        """The answer to a line behind ``monitor``."""
        return self._commands.answer(line)

    def detach(self) -> None:
        """No diversion outlives its client."""
        self._journey.end_diversion()
