"""Moving through the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from monitors.calls.names import parse_call_names
from replay.machine.position import Position
from replay.player.stops import Direction, Stop, Wanted, Why
from replay.tui.desk import Desk, Handler, Refusal, count_of
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.event_lists import event_after, event_before

_Step = Callable[[Explorer, Direction, Wanted], Stop]
_FORWARD, _BACKWARD = Direction.FORWARD, Direction.BACKWARD


class Moving:
    """The handlers of all verbs that move the guest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> Mapping[str, Handler]:
        """By command."""
        steps: dict[str, tuple[_Step, Direction]] = {
            "step": (Explorer.step_line, _FORWARD),
            "reverse-step": (Explorer.step_line, _BACKWARD),
            "next": (Explorer.next_line, _FORWARD),
            "reverse-next": (Explorer.next_line, _BACKWARD),
            "finish": (Explorer.finish, _FORWARD),
            "reverse-finish": (Explorer.finish, _BACKWARD),
            "nexti": (Explorer.next_instruction, _FORWARD),
            "reverse-nexti": (Explorer.next_instruction, _BACKWARD),
            "continue": (Explorer.proceed, _FORWARD),
            "reverse-continue": (Explorer.proceed, _BACKWARD),
        }
        return {
            **{name: partial(self._repeat, name, *step) for name, step in steps.items()},
            "stepi": partial(self._instructions, 1),
            "reverse-stepi": partial(self._instructions, -1),
            "next-event": partial(self._event, 1),
            "previous-event": partial(self._event, -1),
            "next-mark": partial(self._mark, 1),
            "previous-mark": partial(self._mark, -1),
            "next-checkpoint": partial(self._checkpoint, 1),
            "previous-checkpoint": partial(self._checkpoint, -1),
            "start": self._start,
            "end": self._end,
            "seek": self._seek,
            "until": partial(self._goal, "until", _FORWARD),
            "back-to": partial(self._goal, "back-to", _BACKWARD),
            "back": self._back,
            "forward": self._forward,
            "cancel": self._cancel,
        }

    # ---- steps

    async def _repeat(self, name: str, step: _Step, direction: Direction, argument: str) -> None:
        count = count_of(argument)
        # The first stops of a run are passed over, the ends of steps are where the next begins.
        goes_on = (Why.BREAK, Why.WATCH) if step is Explorer.proceed else (Why.REACHED,)

        def way(explorer: Explorer) -> Stop:
            wanted = explorer.wanted()
            stop = step(explorer, direction, wanted)
            for _ in range(count - 1):
                if stop.why not in goes_on:
                    break
                stop = step(explorer, direction, wanted)
            return stop

        await self._desk.travel(name, way)

    async def _instructions(self, sign: int, argument: str) -> None:
        count = count_of(argument)
        name = "stepi" if sign > 0 else "reverse-stepi"
        await self._desk.travel(name, lambda explorer: explorer.step(sign * count))

    # ---- places

    async def _start(self, _: str) -> None:
        await self._desk.travel("to the start", Explorer.to_start)

    async def _end(self, _: str) -> None:
        await self._desk.travel("to the end", Explorer.to_end)

    async def _seek(self, argument: str) -> None:
        if not argument:
            self._desk.prompt(":", "seek ")
            return
        place = self._desk.recording.place(argument)
        await self._desk.travel(f"to {place}", lambda explorer: explorer.seek_exactly(place))

    async def _goal(self, name: str, direction: Direction, argument: str) -> None:
        if not argument:
            raise Refusal(
                f"{name} wants a goal, as in `{name} call:net_read` or `{name} main.c:120`"
            )
        title = f"{name} {argument}"
        await self._desk.travel(title, lambda explorer: explorer.to_goal(argument, direction))

    async def _back(self, _: str) -> None:
        here = self._here()
        place = self._desk.history.back(here.position)
        if place is None:
            raise Refusal("there is no earlier place to go back to")
        await self._revisit(place)

    async def _forward(self, _: str) -> None:
        here = self._here()
        place = self._desk.history.forward(here.position)
        if place is None:
            raise Refusal("there is no later place: one goes forth only after going back")
        await self._revisit(place)

    async def _revisit(self, place: Position) -> None:
        await self._desk.travel(
            f"to {place}", lambda explorer: explorer.seek(place), remembered=False
        )

    async def _cancel(self, _: str) -> None:
        self._desk.cancel()

    # ---- events and marks

    async def _event(self, step: int, argument: str) -> None:
        here, recording = self._here().position, self._desk.recording
        events = self._desk.pane.events
        if argument or events is None:
            events = recording.events_named(_names(argument) if argument else frozenset())
        neighbour = event_after if step > 0 else event_before
        found = neighbour(events, here)
        if found is None:
            what = argument or self._desk.pane.TITLE.lower()
            where = "behind" if step > 0 else "before"
            raise Refusal(f"nothing more of {what} {where} {here}{recording.caveat}")
        direction = _FORWARD if step > 0 else _BACKWARD
        other = neighbour(events, Position(found + (step > 0)))
        await self._desk.travel(
            f"to event {found}",
            lambda explorer: explorer.to_event_unless_there(found, other, direction),
        )

    async def _mark(self, step: int, _: str) -> None:
        await self._nearest(step, self._desk.recording.marks(), "bookmark or note")

    async def _checkpoint(self, step: int, _: str) -> None:
        kept = self._desk.recording.places.kept.values()
        await self._nearest(step, [*self._here().checkpoints, *kept], "checkpoint")

    async def _nearest(self, step: int, places: Sequence[Position], what: str) -> None:
        here = self._here().position
        if step > 0:
            found = min((place for place in places if place > here), default=None)
        else:
            found = max((place for place in places if place < here), default=None)
        if found is None:
            raise Refusal(f"no {what} {'behind' if step > 0 else 'before'} {here}")
        await self._desk.travel(f"to {found}", lambda explorer: explorer.seek(found))

    def _here(self) -> Moment:
        moment = self._desk.moment
        if moment is None:
            raise Refusal("the guest has not booted yet")
        return moment


def _names(text: str) -> frozenset[str]:
    try:
        return parse_call_names(text)
    except ValueError as error:
        raise Refusal(str(error)) from error
