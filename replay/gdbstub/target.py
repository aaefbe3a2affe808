"""What the stub asks of the guest that it debugs: a journey through a recording, or a live run.

Every method raises ``Refused`` for what it cannot do. Abilities that only some targets have are
protocols of their own, asked for with ``isinstance``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from monitors.ports import Registers
from replay.player.stops import Stop, Wanted


class Target(Protocol):
    """A guest that stands still whenever the stub looks at it."""

    @property
    def guest_name(self) -> str:
        """A name for people."""
        ...

    @property
    def memory_bytes(self) -> int:
        """How much memory the guest has, from address 0 on."""
        ...

    def guest_file(self) -> bytes | None:
        """The guest's whole ELF file, if it is at hand."""
        ...

    def here(self) -> Stop:
        """Where the guest stands and why, as the last journey left it."""
        ...

    def registers(self) -> Registers:
        """Every architectural register by name."""
        ...

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address; ``None`` where not all of it can be read."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Change memory."""
        ...

    def set_registers(self, values: Registers) -> None:
        """Change the registers named."""
        ...

    def step(self, wanted: Wanted) -> Stop:
        """Execute one instruction; of ``wanted`` only the watchpoints count."""
        ...

    def step_range(self, start: int, end: int, wanted: Wanted) -> Stop:
        """Execute one instruction and then more, while the guest is in ``[start, end)``."""
        ...

    def run(self, wanted: Wanted) -> Stop:
        """Go on until something wanted is met or the run ends."""
        ...

    def interrupt(self) -> None:
        """Make what goes on return ``INTERRUPTED`` soon; from any thread, at any time, and without
        effect on what begins later."""
        ...

    def command(self, line: str) -> str:
        """The answer to a line behind gdb's ``monitor``; refusals are text as well."""
        ...

    def detach(self) -> None:
        """The client leaves: what only it had asked for is over."""
        ...


@runtime_checkable
class Reverses(Protocol):
    """Can go back."""

    def step_back(self, wanted: Wanted) -> Stop:
        """Undo one instruction; of ``wanted`` only the watchpoints count."""
        ...

    def run_back(self, wanted: Wanted) -> Stop:
        """Go back until something wanted is met or the beginning."""
        ...

    def start_over(self, words: tuple[str, ...]) -> Stop:
        """Go to where gdb's ``run WORDS`` says: the start, a position, or ``cN``: a checkpoint."""
        ...


@runtime_checkable
class CallsFunctions(Protocol):
    """Can let the guest call a function of its own, as if it had never been."""

    def begin_call(self) -> None:
        """What is written from now on may be taken back by ``end_call``; calls nest."""
        ...

    def end_call(self) -> None:
        """Take back what was done since the outermost ``begin_call``."""
        ...


@runtime_checkable
class Limited(Protocol):
    """Cannot stop at everything at once."""

    def check(self, wanted: Wanted) -> None:
        """Raises ``Refused`` where no journey could look out for all that is wanted."""
        ...


@runtime_checkable
class Ends(Protocol):
    """Can be made to end."""

    def kill(self) -> None:
        """It is not to go on when its debugger has left."""
        ...


@runtime_checkable
class Notifies(Protocol):
    """Has something to tell that no answer has room for."""

    def take_notices(self) -> list[str]:
        """What a person should know and has not been told yet, a line each."""
        ...
