"""What a person is told when a replay and its recording part ways."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from replay.export.words import printable

if TYPE_CHECKING:
    from monitors.calls import Call
    from replay.player.errors import Divergence, StateDivergence
    from replay.player.session import ReplaySession
    from replay.player.symbols import Place

_CONSOLE_LINES = 5
_BYTES_SHOWN = 60


def divergence_report(
    error: Divergence | StateDivergence,
    session: ReplaySession,
    console: bytes,
    arguments: list[str],
) -> str:
    """Both calls, the place in the guest, the console so far, and how to come here again."""
    return "\n".join(_lines(error, session, console, arguments))


def call_stack(session: ReplaySession) -> list[Place]:
    """Where the guest stands, with its callers."""
    from replay.player.symbols import Symbols

    machine = session.machine

    def read_word(gva: int) -> int | None:
        inside = 0 <= gva <= machine.ram.size - 8
        return int.from_bytes(machine.engine.read(gva, 8), "little") if inside else None

    return Symbols(machine.plan.guest).call_stack(machine.engine.registers(), read_word)


def _lines(
    error: Divergence | StateDivergence,
    session: ReplaySession,
    console: bytes,
    arguments: list[str],
) -> Iterator[str]:
    from replay.machine.position import Position
    from replay.player.errors import Divergence

    here = error.position
    if isinstance(error, Divergence):
        yield f"the replay diverges from the recording at event {here.event}"
        yield f"  recorded  {error.expected or '(the recording had ended)'}"
        yield f"  replayed  {error.actual}{_bytes_of(session.pending)}"
    else:
        # That of a state is found behind a crossing, and would be found there again.
        here = Position(here.event - 1)
        yield f"the replay diverges from the recording: {error}"
    for number, place in enumerate(call_stack(session)):
        yield f"  {'by' if number else 'at'}        {place}"
    lines = filter(str.strip, console.decode("utf-8", "replace").splitlines())
    for line in list(lines)[-_CONSOLE_LINES:]:
        yield f"  console   {printable(line)}"
    yield "the calls before were the same; a guest, trace or engine has changed since, or an"
    yield "engine is at fault. To stand just before this event:"
    yield f"  {shlex.join([*arguments, '--until', str(here)])}"


def _bytes_of(call: Call | None) -> str:
    data = getattr(call, "data", b"")
    if not isinstance(data, bytes) or not data:
        return ""
    more = "…" if len(data) > _BYTES_SHOWN else ""
    return f"\n            {data[:_BYTES_SHOWN]!r}{more}"
