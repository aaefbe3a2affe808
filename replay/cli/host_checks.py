"""What engines, devices and tools need of a host besides the engines themselves, tried out."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_SECCOMP_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
_SECCOMP_NEEDED = ("trace", "trap", "allow")
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_YAMA_DESCENDANTS = 1  # Documentation/admin-guide/LSM/Yama.rst: children may still be traced
_STATUS = Path("/proc/self/status")
_TUN = "/dev/net/tun"
_SYS_USERFAULTFD = 323  # asm/unistd_64.h
_UFFD_USER_MODE_ONLY = 1  # linux/userfaultfd.h
_CAP_NET_ADMIN = 12  # linux/capability.h
_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "it is not yours to use",
    errno.EPERM: "it is forbidden here",
    errno.ENOSYS: "this kernel has no such call",
    errno.ENODEV: "there is nothing behind it",
}
_COMPILERS = ("gcc", "clang")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: a facility and whether it works. ``purpose`` is what it is good for, ``detail``
    what was found, ``remedy`` what changes that."""

    facility: str
    works: bool
    purpose: str
    detail: str = ""
    remedy: str = ""


def examine_host() -> list[Finding]:
    """Each facility in the order in which a person would look for it."""
    return [*(check() for check in _CHECKS), *map(_tool, _TOOLS), _terminal()]


# ---- engines


def _kvm_device() -> Finding:
    from replay.engines.errors import EngineUnavailable
    from replay.engines.kvm.device import open_device

    facility, purpose = "KVM device", "engine kvm"
    try:
        os.close(open_device())
    except EngineUnavailable as error:
        return Finding(facility, False, purpose, error.reason, error.remedy)
    return Finding(facility, True, purpose)


def _ptrace() -> Finding:
    from replay.engines.errors import EngineUnavailable
    from replay.engines.native.child import Child

    facility, purpose = "ptrace", "engine native"
    try:
        Child([]).close()
    except EngineUnavailable as error:
        scope = _yama_scope()
        if scope <= _YAMA_DESCENDANTS:
            return Finding(facility, False, purpose, error.reason, error.remedy)
        detail = f"{error.reason}; Yama's ptrace_scope is {scope}"
        return Finding(facility, False, purpose, detail, "sysctl kernel.yama.ptrace_scope=1")
    return Finding(facility, True, purpose)


def _yama_scope() -> int:
    try:
        return int(_YAMA.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _seccomp() -> Finding:
    facility, purpose = "seccomp filters", "engine native"
    try:
        actions = _SECCOMP_ACTIONS.read_text(encoding="ascii").split()
    except OSError as error:
        remedy = "use a kernel with CONFIG_SECCOMP_FILTER"
        return Finding(facility, False, purpose, _reason(error), remedy)
    missing = [action for action in _SECCOMP_NEEDED if action not in actions]
    detail = f"no action {', '.join(missing)}" if missing else ""
    return Finding(facility, not missing, purpose, detail, "use Linux 4.14 or later")


def _memfd() -> Finding:
    facility, purpose = "memfd_create", "guest memory, on every engine"
    try:
        os.close(os.memfd_create("doctor", os.MFD_CLOEXEC))
    except OSError as error:
        remedy = "let the container's filter pass memfd_create"
        return Finding(facility, False, purpose, _reason(error), remedy)
    return Finding(facility, True, purpose)


def _userfaultfd() -> Finding:
    facility, purpose = "userfaultfd", "snapshots on engine native without copies"
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(_SYS_USERFAULTFD, os.O_CLOEXEC | _UFFD_USER_MODE_ONLY)
    if descriptor >= 0:
        os.close(descriptor)
        return Finding(facility, True, purpose)
    number = ctypes.get_errno()
    reason = _REASONS.get(number, os.strerror(number))
    remedy = "use Linux 5.11 or later, and let the container's filter pass userfaultfd"
    return Finding(facility, False, purpose, reason, remedy)


# ---- compiled parts


def _hooks() -> Finding:
    return _compiled("hooks", "replay.engines.unicorn._hooks", "engine unicorn at full speed")


def _agent() -> Finding:
    return _compiled("agent", "replay.engines.native._agent", "engine native at full speed")


def _events() -> Finding:
    return _compiled("events", "traces._events", "recording and replaying at full speed")


def _compiled(name: str, module: str, purpose: str) -> Finding:
    facility = f"compiled {name}"
    if find_spec(module) is not None:
        return Finding(facility, True, purpose)
    missing = [*_missing_compiler(), *_missing_headers()]
    install = f"install {' and '.join(missing)}, then" if missing else "install"
    remedy = f"{install} this package again: pip install --force-reinstall ."
    return Finding(facility, False, purpose, f"{module} was not built", remedy)


def _missing_compiler() -> list[str]:
    return [] if any(map(shutil.which, _COMPILERS)) else ["a C compiler"]


def _missing_headers() -> list[str]:
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return [] if header.exists() else ["Python's headers (python3-dev)"]


# ---- devices


def _tun() -> Finding:
    facility, purpose = "TAP interfaces", "network devices of recordings"
    try:
        os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        remedy = "as root: modprobe tun; in a container: give it the device /dev/net/tun"
        return Finding(facility, False, purpose, f"{_TUN}: {_reason(error)}", remedy)
    return Finding(facility, True, purpose)


def _net_admin() -> Finding:
    facility, purpose = "CAP_NET_ADMIN", "using TAP interfaces of others"
    if _effective_capabilities() >> _CAP_NET_ADMIN & 1:
        return Finding(facility, True, purpose)
    detail = "this user may use the interfaces made for it, and no others"
    remedy = "as root, once: ip tuntap add tap0 mode tap user $USER"
    return Finding(facility, False, purpose, detail, remedy)


def _effective_capabilities() -> int:
    """``CapEff`` of proc_pid_status(5)."""
    try:
        lines = _STATUS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    found = (line.split()[1] for line in lines if line.startswith("CapEff:"))
    return int(next(found, "0"), 16)


# ---- tools

_TOOLS = (
    (_COMPILERS, "building guests"),
    (("ld",), "building guests"),
    (("objcopy",), "building guests"),
    (("gdb",), "looking into core files"),
)


def _tool(row: tuple[tuple[str, ...], str]) -> Finding:
    names, purpose = row
    found = next((name for name in names if shutil.which(name)), None)
    facility = " or ".join(names)
    if found is not None:
        return Finding(facility, True, purpose)
    return Finding(facility, False, purpose, "it is not in PATH", f"install {names[0]}")


def _terminal() -> Finding:
    facility, purpose = "terminal", "colours and progress"
    detail = ""
    if not sys.stderr.isatty():
        detail = "standard error is none"
    elif os.environ.get("TERM", "dumb") == "dumb":
        detail = "it can show nothing but lines (TERM)"
    remedy = "run the programs in one; TERM=xterm-256color suits most"
    return Finding(facility, not detail, purpose, detail, remedy)


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, str(error.strerror))


_CHECKS: tuple[Callable[[], Finding], ...] = (
    *(_kvm_device, _ptrace, _seccomp, _memfd, _userfaultfd),
    *(_hooks, _agent, _events),
    *(_tun, _net_admin),
)
