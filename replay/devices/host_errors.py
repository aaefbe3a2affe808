"""What becomes of a host that fails a device: the end of the run, or an answer to the guest.

The tenders differ in this, so each target has its policy. A policy is told what happened and gives
the status that the guest gets, or raises ``DeviceFailure``.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.machine.errors import DeviceFailure

HostErrorPolicy = Callable[[str], int]

_EUNSPEC = 3


def ends_the_run(what: str) -> int:
    """The tender stops, as hvt's does; raises ``DeviceFailure``."""
    raise DeviceFailure(what)


def is_answered(_what: str) -> int:
    """The guest learns that something went wrong, as from the system calls of spt."""
    return _EUNSPEC
