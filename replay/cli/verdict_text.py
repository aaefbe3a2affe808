"""How the programs put the verdict on a whole replay into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.export.words import counted

if TYPE_CHECKING:
    from replay.machine.ending import Halted, Misused
    from replay.player.session import Replayed

FAILED = ", guest failed as recorded"


def amount(replayed: Replayed) -> str:
    """How much has been compared."""
    events = counted(replayed.position.event, "event")
    return f"{events} and {counted(replayed.digests_verified, 'state digest')} agree"


def how_ended(ending: Halted | Misused) -> str:
    """The guest's own end."""
    from replay.machine.ending import Misused

    status: int = ending.process_status
    if isinstance(ending, Misused):
        return f"the guest was ended with status {status}: {ending.detail}"
    return f"the guest exited with status {status}"


def calls_amount(replayed: Replayed) -> str:
    """The same where states were left out."""
    return f"{counted(replayed.position.event, 'call')} agree, states were not compared"
