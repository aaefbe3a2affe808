"""What the programs' exit statuses mean; the one table of them.

``solo5-record`` passes the guest's own status (0..255) through. A tender ends with 1 for bad
guests, bad options and failing devices, and so does it; 125 is for what only a recorder can suffer.
"""

from __future__ import annotations

import enum


class RecordStatus(enum.IntEnum):
    """``solo5-record``, apart from the guest's own status."""

    REFUSED = 1
    """Bad option, bad guest, failing device, broken rule, or stopped by a signal."""
    TIMEOUT = 124
    """The guest was stopped when its time had passed (``--timeout``)."""
    TOOL_FAILURE = 125
    """The trace cannot be written, or no engine can run this guest here."""


class ReplayStatus(enum.IntEnum):
    """``solo5-replay`` and ``solo5-trace``."""

    FAITHFUL = 0
    GUEST_FAILED = 1
    """With ``--check``: faithful, and the guest failed as it did when it was recorded."""
    USAGE = 2
    DIVERGED = 3
    BAD_TRACE = 4
    """Damaged, of another version, or no trace at all."""
    INCOMPLETE = 5
    """Faithful as far as the trace goes; it was cut short."""
    TIMEOUT = 124
    CANNOT_REPLAY = 125
    """This environment cannot replay it: no engine, no guest file."""
    INTERRUPTED = 130
    """Ctrl-C, where nothing is left to be finished; as a shell has it (128 + SIGINT)."""
    OUTPUT_CLOSED = 141
    """Nobody reads standard output any more (128 + SIGPIPE): no verdict."""


WORST_FIRST = (
    ReplayStatus.OUTPUT_CLOSED,
    ReplayStatus.INTERRUPTED,
    ReplayStatus.USAGE,
    ReplayStatus.DIVERGED,
    ReplayStatus.BAD_TRACE,
    ReplayStatus.CANNOT_REPLAY,
    ReplayStatus.TIMEOUT,
    ReplayStatus.GUEST_FAILED,
    ReplayStatus.INCOMPLETE,
    ReplayStatus.FAITHFUL,
)
"""Which status stands for several traces: first that verdicts are missing, then what casts doubt on
recordings, then what could not be judged, then what was judged and failed."""
