"""A replay of a trace, on the engine that suits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replay.engines.choice import Choice, with_engine
from replay.engines.registry import engine_factory
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.player.session import Changes, ReplaySession
from replay.player.source import ConsoleSink
from traces.reader import Trace


def start_replay(
    trace: Trace,
    wanted: str,
    *,
    changes: Changes | None = None,
    console: ConsoleSink = len,
    observers: Callable[[Machine], Sequence[Observer]] | None = None,
) -> tuple[ReplaySession, Choice]:
    """A session on the engine ``wanted``; for ``auto``, on the one that recorded the trace.

    Engines agree about all that a guest may rely on, and a guest that relies on more replays only
    where it was recorded; so the best engine comes second, for hosts without that one. Positions
    inside a stretch between two events are found by a detour, whichever it is.

    Raises EngineUnavailable, and what ``ReplaySession`` raises.
    """

    def boot(name: str) -> ReplaySession:
        engine = engine_factory(name)()
        try:
            return ReplaySession(
                trace, engine, changes=changes, console=console, observers=observers
            )
        except BaseException:
            engine.close()
            raise

    header = trace.header
    return with_engine(wanted, header.guest.target, boot, first=header.machine.engine)
