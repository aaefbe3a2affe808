"""A run that is not recorded, as a baseline: solo5-record with everything but the recording."""

from __future__ import annotations

UNRECORDED = """
import sys
from replay.recorder import session
from replay.machine.interpose import Interposer

def only_run(machine, source, *_, **__):
    interposer = Interposer(machine, source)
    return session.Recorded(interposer.run(), None, interposer.events)

session.record = only_run
from replay.cli.record import main
sys.exit(main(["-q", *sys.argv[1:]]))
"""
"""The same machine and the same devices; the trace that it names is not made."""
