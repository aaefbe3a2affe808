"""Recording natively as somebody with few rights, and where the host does not permit it at all."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.engines.native.probe import probe
from replay.testing.cases import GuestShelf
from replay.toolchain.programs import find_program
from tests.cli.confined import MEMFD_CREATE, PTRACE, SECCOMP
from tests.cli.programs import PATIENCE_S, Finished

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
SOMEBODY = str(NOBODY) if os.geteuid() == 0 else "-"
PLAIN = ("replay.cli.record", "--mem=16", "-o", "hello.mp")
RECORD = (*PLAIN, "--engine", "native")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(probe() is not None, reason=str(probe())),
]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, shelf: GuestShelf) -> Path:
    """Somebody else's, with a guest for each target."""
    made = tmp_path_factory.mktemp("somebody")
    for target in ("hvt", "spt"):
        (made / f"hello.{target}").write_bytes(shelf.guest(find_program("hello"), target))
    if SOMEBODY != "-":
        os.chown(made, NOBODY, NOBODY)
    return made


def confined(
    folder: Path, *words: str, limits: Sequence[tuple[int, int]] = (), agent: bool = True
) -> Finished:
    """Run ``tests.cli.confined`` in a folder."""

    def limit() -> None:
        for number, value in limits:
            resource.setrlimit(number, (value, value))

    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.cli.confined import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "SOLO5_REPLAY_PURE_PYTHON": "" if agent else "1"},
        preexec_fn=limit,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(SOMEBODY == "-", reason="only root can become somebody else")
@pytest.mark.parametrize("agent", [True, False], ids=["agent", "python"])
@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_an_ordinary_user_in_a_container(folder: Path, target: str, agent: bool) -> None:
    replays = [
        ("--", "replay.cli.replay", "--check", "--engine", engine, "hello.mp")
        for engine in ("native", "unicorn")
    ]
    record = ("--", *RECORD, f"hello.{target}")
    both = [word for words in replays for word in words]
    done = confined(folder, SOMEBODY, *record, *both, agent=agent)
    assert done.status == 0, done.err
    assert done.out.count("faithful: ") == 2
    assert (folder / "hello.mp").stat().st_uid == NOBODY


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (PTRACE, errno.EPERM, "ptrace is not permitted"),
        (PTRACE, errno.ENOSYS, "ptrace is not permitted"),
        (SECCOMP, errno.EPERM, f"system call {SECCOMP} of the guest's process"),
        (MEMFD_CREATE, errno.EPERM, "memfd_create"),
    ],
)
def test_what_is_not_permitted_is_named(folder: Path, call: int, error: int, said: str) -> None:
    check_refused(confined(folder, SOMEBODY, f"{call}:{error}", "--", *RECORD, "hello.spt"), said)
    assert not (folder / "hello.mp").exists()


@pytest.mark.parametrize(
    ("target", "denied", "limits", "reason"),
    [
        ("hvt", [f"{PTRACE}:{errno.EPERM}"], [], "ptrace is not permitted"),
        ("spt", [f"{SECCOMP}:{errno.EPERM}"], [], f"system call {SECCOMP}"),
        ("hvt", [], [(resource.RLIMIT_NOFILE, 64)], "open files are allowed"),
    ],
    ids=["ptrace", "seccomp", "open files"],
)
def test_another_engine_is_chosen_where_nobody_asked_for_one(
    folder: Path, target: str, denied: list[str], limits: list[tuple[int, int]], reason: str
) -> None:
    """Without a word, and with one to those who ask; the trace has the engine that ran."""
    silent = ("--", *PLAIN, f"hello.{target}")
    told = ("--", "replay.cli.record", "-v", "--mem=16", "-o", "told.mp", f"hello.{target}")
    look = ("--", "replay.cli.trace", "info", "hello.mp")
    replay = ("--", "replay.cli.replay", "-v", "--check", "hello.mp")
    done = confined(folder, SOMEBODY, *denied, *silent, *look, *replay, *told, limits=limits)
    assert done.status == 0, done.err
    assert done.out.count("faithful: ") == 1
    assert "engine      unicorn\n" in done.out
    said = done.err.splitlines()
    assert said[0].endswith("; `solo5-replay hello.mp`")
    assert "solo5-replay: engine unicorn; recorded on unicorn by " in done.err
    assert any(line.startswith("solo5-record: not engine kvm: ") for line in said)
    (native,) = (line for line in said if line.startswith("solo5-record: not engine native: "))
    assert reason in native


def test_few_open_files(folder: Path) -> None:
    limits = [(resource.RLIMIT_NOFILE, 64)]
    check_refused(
        confined(folder, SOMEBODY, "--", *RECORD, "hello.hvt", limits=limits), "ulimit -n"
    )


def test_a_small_address_space(folder: Path) -> None:
    """More than this program itself needs is not asked for."""
    limits = [(resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_NOFILE, 128)]
    done = confined(folder, SOMEBODY, "--", *RECORD, "hello.hvt", limits=limits)
    assert done.status == 0, done.err


def check_refused(done: Finished, said: str) -> None:
    """One line with the reason and what to do, and a status of its own."""
    assert done.status == 125
    (line,) = done.err.splitlines()
    assert line.startswith("solo5-record: engine ")
    assert said in line
    assert "; " in line
