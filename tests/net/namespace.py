"""Network namespaces of our own: interfaces in them are nobody else's, and no frame leaves them."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_TOOLS = {"ip": "iproute2", "ping": "iputils-ping", "curl": "curl"}
_numbers = itertools.count()


def why_unavailable() -> str:
    """What this host lacks for namespaces with TAP interfaces; empty where it lacks nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no usable /dev/net/tun"
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        return f"tools are missing: apt-get install {' '.join(missing)}"
    probe = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return probe.stderr.strip()


class Namespace:
    """A network namespace, empty at first; ``close`` removes it and all that is in it."""

    def __init__(self) -> None:
        self.name = f"solo5-{os.getpid()}-{next(_numbers)}"
        _ip("netns", "add", self.name)
        self._inside = ThreadPoolExecutor(max_workers=1, initializer=self.enter)
        self.run(_keep_quiet)

    def enter(self) -> None:
        """Take the calling thread, its new sockets and its children into the namespace for good."""
        with Path(f"/run/netns/{self.name}").open("rb") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``function`` in the namespace."""
        return self._inside.submit(function, *args, **kwargs).result()

    def command(self, argv: Sequence[str], *, timeout_s: float = 30) -> str:
        """Run a program in the namespace; its output, CalledProcessError when it fails."""
        done = self.run(
            subprocess.run, argv, capture_output=True, text=True, check=True, timeout=timeout_s
        )
        return str(done.stdout)

    def add_tap(self, name: str, address: str = "", mtu: int = 1500) -> None:
        """Make a TAP interface that is up; ``address`` is like 10.0.0.1/24."""
        _ip("-n", self.name, "tuntap", "add", name, "mode", "tap")
        _ip("-n", self.name, "link", "set", name, "mtu", str(mtu), "up")
        if address:
            _ip("-n", self.name, "addr", "add", address, "dev", name)

    def close(self) -> None:
        """Remove the namespace."""
        self._inside.shutdown()
        _ip("netns", "del", self.name)


def _ip(*argv: str) -> None:
    done = subprocess.run(["ip", *argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(argv)}: {done.stderr.strip()}")


def _keep_quiet() -> None:
    """No router solicitations and neighbour discovery among the frames of a test."""
    for scope in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if setting.exists():
            setting.write_text("1")
