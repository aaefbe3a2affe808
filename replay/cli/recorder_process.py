"""A recorder as a child of this program, which others look at while it works."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from replay.cli.leashed import FREE

_ROOT = str(Path(__file__).resolve().parents[2])
_CODE = "import sys; sys.path.append(sys.argv.pop()); from replay.cli.leashed import main; main()"
_SAID_MAX = 1 << 16
"""Bytes that are read at once of what it says."""


class RecorderProcess:
    """The process, in a session of its own: Ctrl-C on the terminal is not for it. What the guest
    prints is in the trace and goes nowhere else; what the recorder says is kept in a file."""

    def __init__(self, words: Sequence[str]) -> None:
        """Starts ``solo5-record`` with ``words``, with the packages of this process, however they
        are installed, and the descriptors that this one was given. Raises OSError."""
        self.is_free = False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._told_bytes = 0
        end, self._leash = os.pipe()
        os.set_inheritable(end, True)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, str(end), *words, _ROOT],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                start_new_session=True,
                close_fds=False,  # --net:NAME=@N
            )
        except OSError:
            os.close(self._leash)
            self._said.close()
            raise
        finally:
            os.close(end)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, as a shell would have it, once it has ended."""
        status = self._process.poll()
        return 128 - status if status is not None and status < 0 else status

    def said(self) -> str:
        """What it has said since this was asked last, in whole lines while it is at work."""
        ended = self.status is not None
        data = os.pread(self._said.fileno(), _SAID_MAX, self._told_bytes)
        if not ended:
            data = data[: data.rfind(b"\n") + 1]
        self._told_bytes += len(data)
        return data.decode("utf-8", "backslashreplace")

    def all_said(self) -> str:
        """What it has said from its beginning."""
        data = os.pread(self._said.fileno(), _SAID_MAX, 0)
        return data.decode("utf-8", "backslashreplace")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; False when it has not come by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.status is not None

    def stop(self) -> None:
        """Ask it to end its recording; a second time to do so at once."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once; its trace stays incomplete."""
        self._process.kill()

    def release(self) -> None:
        """Let it go on when this program has ended."""
        self.is_free = True
        with contextlib.suppress(BrokenPipeError):
            os.write(self._leash, FREE)

    def close(self) -> None:
        """Let go of it: unless it was released, it ends then."""
        os.close(self._leash)
        self._said.close()
