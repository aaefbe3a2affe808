from __future__ import annotations

from replay.engines.ports import CountsInstructions


class Plain:
    pass


class Counter:
    def run_instructions(self, count: int) -> object:
        return count

    @property
    def instructions_retired(self) -> int:
        return 0


def test_abilities_are_found_by_what_an_engine_offers() -> None:
    assert isinstance(Counter(), CountsInstructions)
    assert not isinstance(Plain(), CountsInstructions)
