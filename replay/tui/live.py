"""A recording that goes on while one looks at it: the beat by which the screen keeps up with it.

Each beat looks at the trace; what has come grows in every pane. While it is followed the guest on
the screen goes along, in short legs, so that whatever the user wants comes in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from replay.player.stops import Stop, Why
from replay.tui.catch_up import catch_up
from replay.tui.desk import Refusal
from replay.tui.explorer import FAILURES, Explorer, Moment
from replay.tui.model.follower import Recorder, Sighting
from replay.tui.model.rows import Role
from replay.tui.navigator import Navigator
from replay.tui.recording import Recording, sighting

T = TypeVar("T")
BEAT_S = 0.25
_LEG_S = 0.25
"""A leg ends about then, where the guest makes events."""

_DRAWING_S = 0.03
"""Between two legs, in which the screen has the processor for itself."""

_PULSE_S, _LATE_S, _YIELD_S = 0.015, 0.03, 0.005
"""During a leg the screen's thread shows so often that it is alive; where it is as late, the leg
waits, a little at a time."""

_LEG_MAX_S = 1.0
"""A leg in which the guest only computes is interrupted then, and goes on in the next."""


class RecorderProcess(Protocol):
    """The recorder, where it is this program's own child."""

    @property
    def status(self) -> int | None:
        """Its exit status, once it has ended."""
        ...

    def said(self) -> str:
        """What it has written on its standard error since this was asked last."""
        ...

    def stop(self) -> None:
        """Ask it to end its recording."""
        ...

    def release(self) -> None:
        """Let it go on when this program has ended."""
        ...


class Stage(Protocol):
    """The application, as the beat needs it."""

    recording: Recording
    navigator: Navigator

    @property
    def moment(self) -> Moment | None:
        """The guest as it stands."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether something of the user's is under way."""
        ...

    def have_done(self, job: Callable[[Explorer], T]) -> Awaitable[T]:
        """Have a job done in the timeline's thread; raises ``Refusal`` where it is cancelled."""
        ...

    async def go_along(
        self, way: Callable[[Explorer], Stop], is_wanted: Callable[[], bool]
    ) -> Moment | None:
        """Go a way that nobody has asked for, and show where it ended; ``None`` where it was not
        wanted any more when its turn came. Else as ``have_done``."""
        ...

    def show_live(self) -> None:
        """What is known of the recorder may have changed."""
        ...

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the user something, briefly."""
        ...

    def log_answer(self, text: str, role: Role = Role.TEXT) -> None:
        """Put something where it stays."""
        ...


class Live:
    """``process`` is the recorder, where it is a child of this program."""

    def __init__(
        self,
        stage: Stage,
        *,
        process: RecorderProcess | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = process
        self._stage = stage
        self._follower = stage.recording.follower
        self._clock = clock
        self._is_beating = False
        self._leg_begun_s: float | None = None
        """While a leg is under way."""
        self._alive_s = 0.0
        """When the screen's thread was last seen at work."""
        self._has_unscanned = True
        self._has_ended = not stage.recording.was_incomplete
        self._knows_status = process is None

    @property
    def over(self) -> bool:
        """Whether nothing is left to be waited for."""
        return self._has_ended and self._knows_status and not self._follower.following

    def begin(self, *, follow: bool) -> bool:
        """The guest stands where the session begins: ``follow``, or offer it; whether there is
        anything to ``beat`` for."""
        if self.over:
            return False
        if follow:
            self._follower.follow()
        elif self._follower.recorder is Recorder.AT_WORK:
            self._stage.say("this is being recorded now: Space follows it")
        return True

    def switch(self) -> None:
        """Follow, or pause; raises ``Refusal`` where there is nothing to follow."""
        follower = self._follower
        if follower.following:
            self.give_way()
        elif follower.may_follow:
            follower.follow()
        elif follower.recorder is Recorder.GONE:
            raise Refusal("the recorder was killed: there is nothing to follow; > goes to the end")
        else:
            raise Refusal("this recording is over: there is nothing to follow; > goes to its end")
        self._stage.show_live()

    def give_way(self) -> None:
        """Somebody wants the guest elsewhere: pause."""
        if self._follower.pause():
            self._stage.show_live()
            if self._leg_begun_s is not None:
                self._stage.navigator.interrupt()

    def moved(self, moment: Moment) -> None:
        """The guest stands somewhere else."""
        self._follower.stands(self._clock(), moment.position.event)

    async def beat(self) -> None:
        """Look at the recording, and go along; does nothing while the last beat is under way."""
        if self._is_beating or self.over or self._stage.navigator.closed:
            return
        self._is_beating = True
        try:
            await self._look()
            while self._is_behind and not self._stage.is_busy:
                await self._leg()
                await asyncio.sleep(_DRAWING_S)
                await self._look()
            if not self._is_behind and self._follower.rest():
                self._stage.show_live()
        except Refusal:  # the user has cancelled whatever there was
            pass
        except FAILURES as error:
            self._has_ended = True
            self._follower.pause()
            self._stage.say(str(error), bad=True)
        finally:
            self._is_beating = False

    # ---- the recording

    async def _look(self) -> None:
        self._listen()
        if not self._has_ended:
            seen = await self._stage.have_done(_look_at_trace)
            if self._follower.look(self._clock(), seen):
                self._stage.recording.grow()
                self._has_unscanned = True
        if self._has_unscanned and self._stage.recording.scan():
            self._has_unscanned = False
            self._has_ended = self._follower.recorder is Recorder.DONE
        self._stage.show_live()

    def _listen(self) -> None:
        process = self.process
        if process is None or self._knows_status:
            return
        status = process.status
        for line in process.said().splitlines():
            self._stage.log_answer(line, Role.DIM)
        if status is not None:
            self._knows_status = True
            self._stage.log_answer(f"the recorder has ended with status {status}")
            if self._follower.recorder is not Recorder.DONE and status:
                self._stage.say(f"the recorder has ended with status {status}; o says more")

    # ---- the guest

    @property
    def _is_behind(self) -> bool:
        follower, moment = self._follower, self._stage.moment
        if not follower.following or moment is None:
            return False
        return bool(follower.behind or (self._has_ended and moment.stop.why is not Why.END))

    async def _leg(self) -> None:
        leg = asyncio.ensure_future(
            self._stage.go_along(self._go_leg, lambda: self._follower.following)
        )
        try:
            while not leg.done():
                self._alive_s = now_s = self._clock()
                begun_s = self._leg_begun_s
                if begun_s is not None and now_s > begun_s + _LEG_MAX_S:
                    self._stage.navigator.interrupt()
                await asyncio.wait((leg,), timeout=_PULSE_S)
            moment = leg.result()
        finally:
            leg.cancel()
        if moment is not None and moment.trouble is not None:
            self._follower.pause()

    def _go_leg(self, explorer: Explorer) -> Stop:
        """In the timeline's thread."""
        self._leg_begun_s = self._clock()
        try:
            return catch_up(explorer, self._is_enough)
        finally:
            self._leg_begun_s = None

    def _is_enough(self) -> bool:
        """In the timeline's thread, now and then: whether the leg is to end. Where the screen has
        fallen behind, it gets the processor first."""
        while (now_s := self._clock()) < self._leg_ends_s and now_s > self._alive_s + _LATE_S:
            time.sleep(_YIELD_S)
        return (
            now_s >= self._leg_ends_s
            or not self._follower.following
            or self._stage.navigator.awaited
        )

    @property
    def _leg_ends_s(self) -> float:
        begun_s = self._leg_begun_s
        return 0.0 if begun_s is None else begun_s + _LEG_S


def _look_at_trace(explorer: Explorer) -> Sighting:
    trace = explorer.timeline.trace
    written = trace.being_written  # before it is looked at, or its last words could be missed
    explorer.timeline.extend()
    return sighting(trace, written=written)
