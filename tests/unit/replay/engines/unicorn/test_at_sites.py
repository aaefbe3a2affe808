"""What counts of what the engine does at sites."""

from __future__ import annotations

import pytest

from monitors.ports import Hlt, Protection
from tests.unit.replay.engines.guests import CODE, assemble, guest

FOREVER = 1 << 40
SETTINGS = "mov ecx, 0xc0000100;"

BY_THE_ENGINE = ["pause", "rdmsr"]
BY_UNICORN = ["mov rax, cr3; mov cr3, rax", "xor edx, edx; xor eax, eax; wrmsr", "clts"]
CROSSINGS = ["out 1, al", "in al, 1", "rdtsc", "cpuid", "rdrand rbx"]


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("text", [*BY_THE_ENGINE, *BY_UNICORN])
def test_an_instruction_that_was_looked_at_counts(text: str, protected: bool) -> None:
    rights = [Protection(CODE, CODE + 0x1000, writable=False)] if protected else []
    expected = 3 + text.count(";") + 1
    with guest(f"{SETTINGS} nop; {text}; nop; hlt", protections=rights) as machine:
        assert isinstance(machine.engine.run_instructions(FOREVER), Hlt)
        assert machine.engine.instructions_retired == expected


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("text", CROSSINGS)
def test_a_crossing_does_not(text: str, protected: bool) -> None:
    rights = [Protection(CODE, CODE + 0x1000, writable=False)] if protected else []
    with guest(f"nop; {text}; nop; nop; hlt", protections=rights) as machine:
        engine = machine.engine
        engine.run_instructions(FOREVER)
        assert engine.instructions_retired == 1
        assert machine["rip"] == CODE + 1 + len(assemble(text))
        assert isinstance(engine.run_instructions(FOREVER), Hlt)
        assert engine.instructions_retired == 2
