"""Guests built without SSE and x87, for KVMs that emulate their guests and know neither."""

from __future__ import annotations

import os
from pathlib import Path

from replay.testing.cases import GuestShelf
from replay.toolchain.build import build_guest
from replay.toolchain.programs import Program, all_programs
from tests.conformance.platforms import Exchange, Trial, engines_for

_WRAPPER = '#!/bin/sh\nexec gcc -mgeneral-regs-only "$@"\n'
_SLOW = "slow where KVM emulates instructions"

LEFT_OUT = {
    **dict.fromkeys(("compute", "fpu", "simd"), "about what these guests are built without"),
    **dict.fromkeys(("blk", "blkpass", "clocks", "http", "output", "udp"), _SLOW),
}
"""Programs of hvt that are not among these guests, and why."""

UNICORN, NATIVE, KVM = engines_for("hvt")
BESIDE_KVM = (UNICORN, NATIVE)


class IntegerShelf(GuestShelf):
    """Guests built without SSE and x87."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._place = folder
        self._compiler = folder / "integer-gcc"
        self._compiler.write_text(_WRAPPER, encoding="ascii")
        self._compiler.chmod(0o755)

    def guest(self, program: Program, target: str) -> bytes:
        output = self._place / f"{program.name}.{target}"
        if not output.exists():
            request = program.request(target, output, compiler=os.fspath(self._compiler))
            build_guest(request)
        return output.read_bytes()


def integer_trials() -> list[Exchange]:
    """The first case of each program, between KVM and every engine in both directions."""
    pairs = [(KVM, each) for each in (KVM, *BESIDE_KVM)] + [(each, KVM) for each in BESIDE_KVM]
    return [
        Exchange(Trial(before, program, program.cases(KVM.target)[0]), onto)
        for program in all_programs()
        if not program.why_not(KVM.target) and program.name not in LEFT_OUT
        for before, onto in pairs
    ]
