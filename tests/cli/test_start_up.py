"""What a short question loads: answers come at once when little does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from replay.engines.choice import why_unavailable
from tests.cli.conftest import Guest

HEAVY = ("unicorn", "capstone", "elftools", "textual", "rich", "msgpack", "zstandard")
PROGRAMS = ("record", "replay", "trace", "build")


def run_main(program: str, *words: str) -> tuple[str, set[str]]:
    """What a program prints, and which heavy packages it has loaded by its end."""
    code = (
        "import sys\n"
        f"from replay.cli.{program} import main\n"
        "try:\n"
        f"    main({[*words]!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("program", ["record", "replay", "trace"])
def test_version_loads_nothing_heavy(program: str) -> None:
    shown, loaded = run_main(program, "--version")
    assert shown.startswith(f"solo5-{program} 0.")
    assert not loaded


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_loads_nothing_heavy(program: str) -> None:
    shown, loaded = run_main(program, "--help")
    assert shown.startswith(f"usage: solo5-{program} ")
    assert not loaded


def test_looking_into_a_trace_loads_no_engine(tmp_path: object) -> None:
    _, loaded = run_main("trace", "verify", f"{tmp_path}/none.mp")
    assert not loaded & {"unicorn", "capstone", "elftools", "textual", "rich"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "others"), [("unicorn", {"native", "kvm"}), ("native", {"unicorn", "kvm"})]
)
def test_engines_that_are_not_used_are_not_loaded(
    guest: Guest, engine: str, others: set[str]
) -> None:
    if (problem := why_unavailable(engine)) is not None:
        pytest.skip(str(problem))
    code = (
        "import sys\n"
        "from replay.cli.record import main\n"
        f"main(['-q', '--engine', {engine!r}, {guest('hello')!r}])\n"
        "print(*(name.split('.')[2] for name in sys.modules if name.startswith('replay.engines.')),"
        " file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert engine in loaded
    assert not loaded & others
