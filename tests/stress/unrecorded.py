"""A run that is not recorded, as a baseline: solo5-record with everything but the recording.

Where the engine has an agent, it answers the guest as when recording, and what it encodes is thrown
away; elsewhere nothing is encoded either.
"""

from __future__ import annotations

UNRECORDED = """
import sys
from contextlib import nullcontext
from replay.recorder import session
from replay.recorder.lane import recording_lane
from replay.recorder.source import Recording
from replay.machine.interpose import Interposer

class Nowhere:
    def append(self, call, result):
        pass

    def append_block(self, payload, count):
        pass

def only_run(machine, source, *_, **__):
    nowhere = Nowhere()
    recording = Recording(source, nowhere)
    lane = recording_lane(machine, source, recording, nowhere, None)
    interposer = Interposer(machine, recording if lane else source, (), lane)
    with lane or nullcontext():
        return session.Recorded(interposer.run(), None, interposer.events)

session.record = only_run
from replay.cli.record import main
sys.exit(main(["-q", *sys.argv[1:]]))
"""
"""The same machine and the same devices; the trace that it names is not made."""
