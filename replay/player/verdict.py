"""What a replay of a whole trace has come to, as a value and in words."""

from __future__ import annotations

from dataclasses import dataclass

from replay.machine.ending import Halted, Misused
from replay.player.errors import Divergence, StateDivergence
from replay.player.session import Replayed
from traces.reader import Trace
from traces.rewrite import CUT_TO
from traces.summary import Outcome

HOW_CUT = {
    Outcome.INTERRUPTED: "the recording was stopped by its operator",
    Outcome.HOST_FAILURE: "the recording ended with a failing device",
    Outcome.REFUSED: "the recording ended where the engine could not go on",
    Outcome.SALVAGED: "the trace was salvaged from a damaged one",
}


@dataclass(frozen=True, slots=True)
class Faithful:
    """All events and digests agree, to where the guest ended with ``status`` as a shell sees it;
    ``detail`` is the rule that it broke, where it was ended for that."""

    events: int
    digests: int
    status: int
    detail: str = ""

    def __str__(self) -> str:
        how = f"was ended with status {self.status}: {self.detail}" if self.detail else ""
        return f"faithful; the guest {how or f'exited with status {self.status}'}"


@dataclass(frozen=True, slots=True)
class Incomplete:
    """All agree as far as the recording goes, which was cut short."""

    events: int
    digests: int
    why: str

    def __str__(self) -> str:
        return f"faithful so far; {self.why}"


@dataclass(frozen=True, slots=True)
class Diverged:
    """The replay did something else at ``event``; ``expected`` is empty where the recording had
    ended."""

    event: int
    expected: str
    actual: str

    def __str__(self) -> str:
        recorded = self.expected or "(the recording had ended)"
        return f"diverges at event {self.event}: recorded {recorded}, replayed {self.actual}"


@dataclass(frozen=True, slots=True)
class CannotReplay:
    """There was no replay, or it broke down."""

    why: str

    def __str__(self) -> str:
        return f"cannot be replayed: {self.why}"


Verdict = Faithful | Incomplete | Diverged | CannotReplay


def verdict_of(replayed: Replayed, trace: Trace) -> Faithful | Incomplete:
    """For a replay that ran to the end of its trace."""
    events, digests = replayed.position.event, replayed.digests_verified
    match replayed.ending:
        case Halted() as ending:
            return Faithful(events, digests, ending.process_status)
        case Misused() as ending:
            return Faithful(events, digests, ending.process_status, ending.detail)
    return Incomplete(events, digests, why_cut_short(trace))


def verdict_of_divergence(error: Divergence | StateDivergence) -> Diverged:
    """For a replay that parted from its recording."""
    event = error.position.event
    if isinstance(error, Divergence):
        return Diverged(event, str(error.expected or ""), str(error.actual))
    return Diverged(event - 1, f"other {error.what} behind it", "the same call")


def why_cut_short(trace: Trace) -> str:
    """Why a recording does not have its guest's end."""
    summary = trace.summary
    if CUT_TO in trace.header.options:
        return f"the trace was {summary.detail if summary else 'cut on purpose'}"
    how = HOW_CUT.get(summary.outcome if summary else Outcome.HALTED, "the recorder was killed")
    detail = f": {summary.detail}" if summary and summary.detail else ""
    return how + detail + (f" ({trace.damage})" if trace.damage else "")
