"""``solo5-replay doctor``: what works on this host, what does not, and what to do about it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import one_line

_USAGE = """\
usage: solo5-replay doctor

A table of the engines and of what devices and tools need of this host, with the reason and the
remedy for what is missing. The exit status is 0 when there is an engine that works, else 125.
"""
_SECCOMP_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
_SECCOMP_NEEDED = ("trace", "trap", "allow")
_TUN = "/dev/net/tun"
_SYS_USERFAULTFD = 323  # asm/unistd_64.h
_UFFD_USER_MODE_ONLY = 1  # linux/userfaultfd.h
_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "it is not yours to use",
    errno.EPERM: "it is forbidden here",
    errno.ENOSYS: "this kernel has no such call",
    errno.ENODEV: "there is nothing behind it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: a facility and whether it works. ``purpose`` is what it is good for, ``detail``
    what was found, ``remedy`` what changes that."""

    facility: str
    works: bool
    purpose: str
    detail: str = ""
    remedy: str = ""


def main(words: Sequence[str] = ()) -> int:
    """Print the table; the result is the exit status."""
    if words:
        print(_USAGE, end="")
        return 0 if tuple(words) in (("-h",), ("--help",)) else ReplayStatus.USAGE
    engines = list(examine_engines())
    print(render([*engines, *examine_host()]), end="")
    print(_choice_text(), end="")
    return 0 if any(finding.works for finding in engines) else ReplayStatus.CANNOT_REPLAY


def examine_engines() -> Iterator[Finding]:
    """Each engine is tried out."""
    from replay.engines.choice import ONLY_HVT, PREFERRED, why_unusable

    for name in PREFERRED:
        purpose = "hvt guests" if name in ONLY_HVT else "hvt and spt guests"
        problem = why_unusable(name)
        if problem is None:
            yield Finding(f"engine {name}", True, purpose)
        else:
            yield Finding(f"engine {name}", False, purpose, problem.reason, problem.remedy)


def examine_host() -> list[Finding]:
    """What engines, devices and tools use besides."""
    checks: tuple[Callable[[], Finding], ...] = (_callbacks, _agent, _seccomp, _userfaultfd, _tun)
    return [*(check() for check in checks), *map(_tool, _TOOLS)]


def render(findings: Sequence[Finding]) -> str:
    """The table as text; what is missing has its reason and remedy in lines of their own."""
    width = max(len(finding.facility) for finding in findings)
    lines = []
    for finding in findings:
        mark = "yes" if finding.works else "no"
        lines.append(f"{finding.facility:<{width}}  {mark:<3}  {finding.purpose}")
        for word, text in (("why", finding.detail), ("try", finding.remedy)):
            if text and not finding.works:
                lines.append(f"{'':<{width}}       {word}: {one_line(text)}")
    return "\n".join(lines) + "\n"


def _choice_text() -> str:
    from replay.engines.choice import best_engine
    from replay.engines.errors import EngineUnavailable

    lines = []
    for target in ("hvt", "spt"):
        try:
            lines.append(f"the fastest engine for {target} guests here: {best_engine(target).name}")
        except EngineUnavailable as error:
            lines.append(f"no engine for {target} guests here: {error.reason}")
    return "\n".join(lines) + "\n"


def _callbacks() -> Finding:
    return _compiled("replay.engines.unicorn._hooks", "engine unicorn at full speed")


def _agent() -> Finding:
    return _compiled("replay.engines.native._agent", "engine native at full speed")


def _compiled(module: str, purpose: str) -> Finding:
    facility = f"compiled {module.rpartition('.')[2].strip('_')}"
    if find_spec(module) is not None:
        return Finding(facility, True, purpose)
    remedy = "install a C compiler and the package again: pip install --force-reinstall ."
    return Finding(facility, False, purpose, f"{module} was not built", remedy)


def _seccomp() -> Finding:
    purpose = "engine native"
    try:
        actions = _SECCOMP_ACTIONS.read_text(encoding="ascii").split()
    except OSError as error:
        remedy = "use a kernel with CONFIG_SECCOMP_FILTER"
        return Finding("seccomp filters", False, purpose, _reason(error), remedy)
    missing = [action for action in _SECCOMP_NEEDED if action not in actions]
    detail = f"no action {', '.join(missing)}" if missing else ""
    return Finding("seccomp filters", not missing, purpose, detail, "use Linux 4.14 or later")


def _userfaultfd() -> Finding:
    purpose = "snapshots on engine native without copies"
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(_SYS_USERFAULTFD, os.O_CLOEXEC | _UFFD_USER_MODE_ONLY)
    if descriptor >= 0:
        os.close(descriptor)
        return Finding("userfaultfd", True, purpose)
    number = ctypes.get_errno()
    reason = _REASONS.get(number, os.strerror(number))
    remedy = "use Linux 5.11 or later, and let the container's filter pass userfaultfd"
    return Finding("userfaultfd", False, purpose, reason, remedy)


def _tun() -> Finding:
    purpose = "network devices of recordings"
    try:
        os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        remedy = "as root: modprobe tun; in a container: give it the device /dev/net/tun"
        return Finding("TAP interfaces", False, purpose, f"{_TUN}: {_reason(error)}", remedy)
    return Finding("TAP interfaces", True, purpose)


_TOOLS = (
    (("gcc", "clang"), "building guests"),
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


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, str(error.strerror))
