"""Work for the tests of the pool: its processes import it by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def echo(task: object) -> bytes:
    return str(task).encode()


def misbehave(task: object) -> bytes:
    """What ``task`` says."""
    match task:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "raise":
            raise RuntimeError("silently")
        case "hang":
            signal.pause()
        case "print":
            print("nobody sees this")
            subprocess.run([sys.executable, "-c", "print('nor this')"], check=True)
    return b"done"


def terminal(_task: object) -> bytes:
    """Whether Ctrl-C on the terminal reaches the process, and what it reads."""
    return f"{os.getpid() == os.getsid(0)} {sys.stdin.read()!r}".encode()


def meet(task: object) -> bytes:
    """Opens a FIFO, which waits for another one that opens its other end."""
    path, mode = task  # type: ignore[misc]
    with open(path, mode):  # noqa: PTH123
        return b"met"
