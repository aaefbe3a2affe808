"""What importing a module loads: start-up stays short and heavy packages stay where they belong."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("unicorn", "capstone", "elftools", "textual", "textual_serve", "aiohttp"),
    *("rich", "msgpack", "zstandard", "dpkt"),
)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "replay.cli.record",
        "replay.cli.replay",
        "replay.cli.tui",
        "replay.cli.web",
        "replay.cli.trace",
        "replay.cli.build",
        "replay.cli.elftool",
        "replay.engines.registry",
        "replay.engines.ports",
        "monitors.registry",
        "monitors.calls",
    ],
)
def test_nothing_heavy_is_loaded_by(module: str) -> None:
    assert loaded_by(f"import {module}") == set()


def test_the_trace_format_needs_no_engine() -> None:
    assert not loaded_by("import traces.reader, traces.writer") & {"unicorn", "capstone", "rich"}


def test_the_registry_of_monitors_loads_no_target() -> None:
    code = "import monitors.registry, sys; print('monitors.hvt' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
