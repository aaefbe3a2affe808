"""Searching a run for the nearest place that is wanted, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from replay.engines.ports import Access
from replay.engines.ram import PAGE_BYTES
from replay.machine.ending import Ending
from replay.machine.position import Position
from replay.player.checkpoint import Checkpoint
from replay.player.lookout import Found, Lookout, Vague
from replay.player.machine_view import MachineView
from replay.player.rewind import RewindableReplay
from replay.player.stops import Condition, Wanted

EndingSink = Callable[[Ending | None], object]


def search_forward(
    replay: RewindableReplay, wanted: Wanted, limit: Position, told: EndingSink
) -> Found | None:
    """Go on to the first place wanted, where the replay stands then with it made; ``None`` at
    ``limit`` or when interrupted. ``told`` hears how the guest ended."""
    stopping = any(watch.condition for watch in wanted.watches)
    pages = _pages_written(replay, wanted)
    with Lookout(replay, wanted, stopping=stopping, pausing=True) as lookout:
        lookout.pass_over(replay.position)
        while replay.position < limit and not replay.was_interrupted():
            ending = None if _leap(replay, wanted, pages, limit) else replay.forward(limit)
            lookout.judge(ending)
            if lookout.found or lookout.vague:
                break
            told(ending)
            _report(replay)
        found, vague = list(lookout.found), list(lookout.vague)
    found += [place for each in vague[:1] for place in _pin(replay, each)[:1]]
    if not found:
        return None
    first = min(found, key=lambda each: each.made)
    replay.seek(first.made)
    return first


def _leap(
    replay: RewindableReplay, wanted: Wanted, pages: frozenset[int] | None, limit: Position
) -> bool:
    """Go to the farthest checkpoint before which nothing wanted can be; false if there is none."""
    farthest, following = None, replay.checkpoints.behind(replay.position)
    while following is not None and following.position <= limit:
        if not _is_barren_before(following, wanted, pages):
            break
        farthest, following = following, replay.checkpoints.behind(following.position)
    if farthest is not None:
        replay.leap(farthest)
    return farthest is not None


def search_backward(replay: RewindableReplay, wanted: Wanted, floor: Position) -> Found | None:
    """Go back to the last place wanted before here, where the replay stands then with it open;
    ``None`` at ``floor``, or where it has come when interrupted."""
    here = bound = replay.position
    pages = _pages_written(replay, wanted)
    while bound > floor and not replay.was_interrupted():
        piece = replay.checkpoints.before(_just_before(bound))
        if not _is_barren(replay, wanted, pages, piece, bound):
            found = _last_in_piece(replay, wanted, piece, bound, here)
            if found is not None and found.open >= floor:
                replay.seek(found.open)
                return found
        if replay.was_interrupted():
            break
        bound = piece.position
        _report(replay, bound)
    if replay.was_interrupted():
        replay.restore(replay.checkpoints.before(bound))
    else:
        replay.seek(min(floor, here))
    return None


def search_first_time(replay: RewindableReplay, condition: Condition) -> bool:
    """Go to the first place where ``condition`` holds, for one that stays true once it is; false,
    and at the end, where it never does. It is asked at some 40 places, found by halving."""
    replay.seek(replay.end)
    view = MachineView(replay.machine)
    if replay.was_interrupted() or not condition(view):
        return False
    true_at, false_at = replay.steps, -1
    while true_at - false_at > 1 and not replay.was_interrupted():
        replay.seek_steps(_probe(replay, false_at, true_at))
        if condition(view):
            true_at = replay.steps
        else:
            false_at = replay.steps
        _report(replay)
    replay.seek_steps(true_at)
    return not replay.was_interrupted()


def _probe(replay: RewindableReplay, false_at: int, true_at: int) -> int:
    """A place between, where a checkpoint stands if there is one."""
    inside = [each.steps for each in replay.checkpoints if false_at < each.steps < true_at]
    return inside[len(inside) // 2] if inside else (false_at + true_at) // 2


def _last_in_piece(
    replay: RewindableReplay, wanted: Wanted, piece: Checkpoint, bound: Position, here: Position
) -> Found | None:
    conditions = [each.condition for each in wanted.breaks]
    conditions += [each.condition for each in wanted.watches]
    stopping = any(conditions)
    found, vague = _scan(replay, wanted, piece, bound, stopping=stopping)
    if any(place.open >= here for place in found) and not stopping:
        # Only the first and the last hit are noted, and the last one is where the search began.
        found, vague = _scan(replay, wanted, piece, bound, stopping=True)
    for each in vague[-1:]:
        found += _pin(replay, each)[-1:]
    return max(
        (place for place in found if place.open < here), key=lambda place: place.open, default=None
    )


def _scan(
    replay: RewindableReplay, wanted: Wanted, piece: Checkpoint, bound: Position, *, stopping: bool
) -> tuple[list[Found], list[Vague]]:
    """What is found from a checkpoint up to ``bound``."""
    replay.restore(piece)
    with Lookout(replay, wanted, stopping=stopping, pausing=False) as lookout:
        lookout.judge_break(replay.position)
        while replay.position < bound and not replay.was_interrupted():
            lookout.judge(replay.forward(bound))
        return list(lookout.found), list(lookout.vague)


def _pin(replay: RewindableReplay, vague: Vague) -> list[Found]:
    """The exact places of watched accesses in a block."""
    replay.seek(vague.begin)
    only = Wanted(watches=(replace(vague.watch, condition=None),))
    places: list[Found] = []
    with Lookout(replay, only, stopping=True, pausing=False) as lookout:
        behind = replay.steps + vague.high - vague.low
        while replay.steps < behind and replay.position.event == vague.event:
            lookout.judge(replay.forward(replay.end, behind - replay.steps))
        places = [place for place in lookout.found if place.open.event == vague.event]
    return [replace(place, hit=vague.watch) for place in places]


def _pages_written(replay: RewindableReplay, wanted: Wanted) -> frozenset[int] | None:
    """The physical pages of which one is written wherever watched memory counts; ``None`` if that
    need not be so."""
    if any(each.point.access is not Access.WRITE for each in wanted.watches):
        return None
    view = MachineView(replay.machine)
    registers = view.registers()
    pages = set()
    for watch in wanted.watches:
        at = watch.point.address
        for gpa, length in view.places(registers, at, watch.point.size):
            if gpa is None or gpa != at:  # it may have been elsewhere before
                return None
            pages.add(gpa // PAGE_BYTES)
            at += length
    return frozenset(pages)


def _is_barren(
    replay: RewindableReplay,
    wanted: Wanted,
    pages: frozenset[int] | None,
    piece: Checkpoint,
    bound: Position,
) -> bool:
    """Whether nothing that is wanted can be between a checkpoint and ``bound``: ``pages`` were not
    written there, and the code of breakpoints was not reached."""
    if pages is None or wanted.event is not None:
        return False
    base, dirty = replay.written_since_base()
    if base is piece and bound == replay.position:
        return not wanted.breaks and pages.isdisjoint(dirty)
    following = replay.checkpoints.behind(piece.position)
    if following is None or following.position > bound:
        return False
    return _is_barren_before(following, wanted, pages)


def _is_barren_before(checkpoint: Checkpoint, wanted: Wanted, pages: frozenset[int] | None) -> bool:
    """The same between a checkpoint and the one before it."""
    if pages is None or wanted.event is not None:
        return False
    if not checkpoint.pages.numbers.isdisjoint(pages):
        return False
    if not wanted.breaks:
        return True
    reached = checkpoint.reached
    return reached is not None and not reached.may_hold(each.address for each in wanted.breaks)


def _just_before(position: Position) -> Position:
    """The greatest position that is less, if stretches between events had no length."""
    if position.instructions:
        return Position(position.event, position.instructions - 1)
    return Position(position.event - 1, 1 << 63)


def _report(replay: RewindableReplay, position: Position | None = None) -> None:
    if replay.progress is not None:
        replay.progress(position or replay.position)
