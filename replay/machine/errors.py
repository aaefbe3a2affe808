"""What ends a run besides the guest's own will."""

from __future__ import annotations


class MachineError(Exception):
    """Root of this package's errors."""


class DeviceFailure(MachineError):
    """The host could not carry out a call; a tender ends with status 1."""


class WaitInterrupted(MachineError):
    """The operator asked to stop while the guest was waiting."""
