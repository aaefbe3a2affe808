"""A recording that was abandoned replays faithfully to its last event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from replay.machine.ending import Reached
from replay.machine.ports import Source
from replay.testing.cases import scripted_world
from replay.testing.digests import entry_count, read_log
from replay.testing.replayer import ReplayerProcess
from tests.conformance.platforms import Platform, Trial, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = ("hello-hello", "blk-large-blocks", "net-pings")


class RecorderGone(BaseException):
    """Stands for the end of the recording process, which nobody handles."""


class Abandoned:
    """A source after whose answer to call ``last`` there is no recorder any more."""

    def __init__(self, inner: Source, last: int) -> None:
        self._inner = inner
        self._left = last

    def answer(self, call: Call) -> Result:
        if not self._left:
            raise RecorderGone
        self._left -= 1
        return self._inner.answer(call)


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
@pytest.mark.parametrize("part", [0, 2 / 3, 1], ids=["none", "some", "most"])
def test_a_recorder_that_went_away(
    studio: Studio,
    trial: Trial,
    part: float,
    replayer: Callable[[Platform], ReplayerProcess],
    tmp_path: Path,
) -> None:
    platform = trial.platform
    require(platform, trial.program.name)
    whole = studio.recording(trial)
    last = int((whole.events - 1) * part)
    plan, trace = studio.plan(trial), tmp_path / "abandoned.mp"
    source = Abandoned(scripted_world(trial.case, plan), last)
    with pytest.raises(RecorderGone):
        studio.record_from(platform, plan, source, trace)

    with open_trace(trace) as opened:
        assert not opened.complete
        assert opened.damage is None
        assert opened.event_count == last
    log = tmp_path / "part.log"
    log.write_bytes(whole.log.read_bytes()[: last * 24])
    assert [index for index, _ in read_log(log.read_bytes())] == list(range(last))
    (report,) = replayer(platform).replay(platform.engine, trace, log=log)
    assert (report.error, report.message) == ("", "")
    assert report.ending == str(Reached())
    assert report.position == str(last)
    assert report.digests_compared == entry_count(log.read_bytes()) == last
