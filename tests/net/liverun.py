"""A guest that is being recorded on real interfaces, and its replay where there are none."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.net.namespace import Namespace

_READY_TIMEOUT_S = 20.0
_END_TIMEOUT_S = 60.0
_REPLAY_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a process: its exit status, what it wrote, and how long it took."""

    status: int
    stdout: str
    stderr: str
    seconds: float


class LiveRun:
    """A running ``solo5-record``, or another command as ``recorder``. Use it as a context: the
    process does not outlive it."""

    def __init__(
        self,
        namespace: Namespace,
        guest: Path,
        taps: Mapping[str, str],
        arguments: Sequence[str] = (),
        *,
        recorder: Sequence[str] = (),
    ) -> None:
        self.trace = guest.with_suffix(f".{namespace.name}.mp")
        devices = [f"--net:{name}={tap}" for name, tap in taps.items()]
        self._started_s = time.monotonic()
        self._console = b""
        self._errors = self.trace.with_suffix(".stderr").open("w+b")
        self._process = namespace.run(
            subprocess.Popen,
            [
                *(recorder or (_program("record"),)),
                *("-o", self.trace),
                *devices,
                *("--", guest),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def wait_for(self, text: str) -> None:
        """Wait until the guest's console has ``text``."""
        stdout = self._process.stdout
        assert stdout is not None
        deadline_s = time.monotonic() + _READY_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while text.encode() not in self._console:
                more = b""
                if selector.select(max(0.0, deadline_s - time.monotonic())):
                    more = os.read(stdout.fileno(), 65536)
                assert more, f"no {text!r} from the guest: {self._console!r} {self._complaints()}"
                self._console += more

    def finish(self, timeout_s: float = _END_TIMEOUT_S) -> Finished:
        """Wait for the guest to end by itself."""
        rest, _ = self._process.communicate(timeout=timeout_s)
        seconds = time.monotonic() - self._started_s
        console = (self._console + rest).decode()
        return Finished(self._process.returncode, console, self._complaints(), seconds)

    def stop(self) -> Finished:
        """Ask a guest that serves for ever to end, as an operator would."""
        self._process.terminate()
        return self.finish()

    def memory_kib(self) -> int:
        """The recorder's resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def processor_s(self) -> float:
        """The processor time so far of the recorder and its children, as which engines run
        guests."""
        processes = (self._process.pid, *self._children())
        # The clock that Linux has for every process: CPUCLOCK_SCHED, linux/posix-timers.h.
        return sum(time.clock_gettime(~process << 3 | 2) for process in processes)

    def guest_processors(self) -> frozenset[int]:
        """Where the recorder's children may run; none where it has no children."""
        return frozenset().union(*(os.sched_getaffinity(each) for each in self._children()))

    def _children(self) -> Sequence[int]:
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]

    def descriptors(self) -> int:
        """How many files the recorder has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode()


def replay(trace: Path, nowhere: Namespace, timeout_s: float = _REPLAY_TIMEOUT_S) -> Finished:
    """Check a trace in a namespace that has no interface at all."""
    started_s = time.monotonic()
    done = nowhere.run(
        subprocess.run,
        [_program("replay"), "--check", trace],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Finished(done.returncode, done.stdout, done.stderr, time.monotonic() - started_s)


def _program(verb: str) -> Path:
    return Path(sys.executable).with_name(f"solo5-{verb}")
