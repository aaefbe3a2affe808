from __future__ import annotations

from pathlib import Path

import pytest

from replay.engines.native.engine import NativeEngine
from replay.machine.position import Position
from replay.player.errors import Divergence
from replay.player.session import Changes, ReplaySession
from tests.unit.replay.agents import replay_on, require_agent
from tests.unit.replay.recordings import Recorder, new_engine
from traces.reader import open_trace


def test_a_trace_of_another_engine_replays_through_an_agent(recorder: Recorder) -> None:
    require_agent()
    path = recorder.record("clocks", "wall", "300", "mono", "300").path
    quick, printed = replay_on(NativeEngine(), path)
    assert (quick, printed) == replay_on(new_engine(), path)
    assert quick.position.event > 600


@pytest.mark.parametrize("event", [1, 57, 300])
def test_positions_are_exact(recorder: Recorder, event: int) -> None:
    require_agent()
    path = recorder.record("clocks", "wall", "300", "mono", "300").path
    registers = []
    for engine in (NativeEngine(), new_engine()):
        with open_trace(path) as trace:
            session = ReplaySession(trace, engine)
            assert session.run(Position(event)).position == Position(event)
            registers.append(session.machine.engine.registers()["rip"])
            session.run()
            session.close()
    assert registers[0] == registers[1]


def test_a_divergence_is_the_doors_to_report(recorder: Recorder) -> None:
    require_agent()
    path = recorder.record("hello", "one").path
    changed = Changes(command_line=b"two")
    found = []
    for engine in (NativeEngine(), new_engine()):
        with open_trace(path) as trace:
            session = ReplaySession(trace, engine, changes=changed)
            with pytest.raises(Divergence) as raised:
                session.run()
            found.append((raised.value.position, raised.value.expected, raised.value.actual))
            session.close()
    assert found[0] == found[1]


def test_a_damaged_trace_is_found_by_the_reader(recorder: Recorder, tmp_path: Path) -> None:
    require_agent()
    data = bytearray(recorder.record("hello").path.read_bytes())
    data[-200] ^= 0xFF
    path = tmp_path / "damaged.mp"
    path.write_bytes(data)
    outcomes = []
    for engine in (NativeEngine(), new_engine()):
        try:
            outcomes.append(str(replay_on(engine, path)))
        except Exception as error:  # whatever it is, it must be the same
            outcomes.append(f"{type(error).__name__}: {error}")
    assert outcomes[0] == outcomes[1]
