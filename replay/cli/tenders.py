"""In what the targets' tenders differ as programs; solo5-record does as the guest's own does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tender:
    """``dumps_core``: has ``--dumpcore``; ``executes_heap``: has ``--x-exec-heap``;
    ``dies_of_signals``: SIGINT and SIGTERM kill it, where others end with status 1."""

    dumps_core: bool
    executes_heap: bool
    dies_of_signals: bool

    def status_of_signal(self, number: int | None) -> int:
        """What a shell sees of a tender that was told to stop."""
        return 128 + number if self.dies_of_signals and number else 1


HVT = Tender(dumps_core=True, executes_heap=False, dies_of_signals=False)
SPT = Tender(dumps_core=False, executes_heap=True, dies_of_signals=True)
_TENDERS = {"hvt": HVT, "spt": SPT}


def tender_of(target: str) -> Tender:
    """The tender of a target that a monitor is known for."""
    return _TENDERS[target]
