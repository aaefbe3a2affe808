"""How long does it take to look through a guest's code before it runs?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Answer, Figure, Samples
from bench.guests import build_wide
from monitors.elf import read_image
from replay.engines.known_code import known_code
from replay.engines.portability import scan
from replay.engines.survey import PURE_PYTHON_VARIABLE
from replay.engines.sweep import sweep

_FUNCTIONS = 1000
_TEXT_MIB = 10
_GOAL_MS = 50.0
_SWEEP, _SCAN = "sites, for the native and KVM engines", "check-portability, function by function"


def answer(directory: Path, *, quick: bool) -> Answer:
    """A guest of many functions, and its text again and again as if it were one guest's."""
    elf = build_wide(_FUNCTIONS, directory).read_bytes()
    image, known = read_image(elf, name="wide"), known_code(elf)
    text = image.segments[0]
    unit = len(text.data) / (1 << 20)
    copies = 1 if quick else int(_TEXT_MIB / unit) + 1
    samples = Samples()
    looks: dict[str, tuple[float, Callable[[], object]]] = {
        _SWEEP: (unit * copies, lambda: sweep(text.data * copies, text.gpa, [image.entry])),
        _SCAN: (unit, lambda: scan(image, known)),
        "sites, in pure Python": (unit, lambda: _in_python(text.data, text.gpa)),
    }
    for _ in range(2 if quick else 7):
        for name, (size_mib, look) in looks.items():
            started = time.process_time()
            look()
            samples.add(name, (time.process_time() - started) * 1000 / size_mib)
    goals = {_SWEEP: _GOAL_MS, _SCAN: _GOAL_MS}
    figures = [
        Figure(name, samples.median(name), "ms a MiB", goals.get(name), samples.spread(name))
        for name in looks
    ]
    note = f"{unit:.2f} MiB of compiled code, {copies} times for the first figure; processor time."
    return Answer(__doc__ or "", figures, note)


def _in_python(code: bytes, address: int) -> None:
    os.environ[PURE_PYTHON_VARIABLE] = "1"
    try:
        sweep(code, address, [address])
    finally:
        del os.environ[PURE_PYTHON_VARIABLE]
