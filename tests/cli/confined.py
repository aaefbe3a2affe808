"""Run a program of ours as an ordinary user in a container would be run, or in a stricter one.

    python -m tests.cli.confined USER DENIED... -- MODULE WORDS... [-- MODULE WORDS...]

USER is a number, or `-` to stay who one is; each DENIED is NUMBER:ERRNO of a system call that fails
from then on. The first program that does not end with 0 is the last.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

PTRACE, SECCOMP, MEMFD_CREATE = 101, 317, 319
USERFAULTFD, PROCESS_VM_READV, PROCESS_VM_WRITEV, PERF_EVENT_OPEN = 323, 310, 311, 298
DEFAULT_CONTAINER: Mapping[int, int] = dict.fromkeys(
    (
        *(USERFAULTFD, PERF_EVENT_OPEN, PROCESS_VM_READV, PROCESS_VM_WRITEV),
        *(165, 166, 167, 168, 155, 161, 246, 248, 249, 250, 272, 308, 321, 304),
    ),
    errno.EPERM,
)
"""What the default profiles of container engines refuse and we might be tempted to use: besides,
mount, umount2, swapon, swapoff, pivot_root, chroot, kexec_load, the keys, unshare, setns, bpf and
open_by_handle_at. ptrace is allowed there since Linux 4.8."""

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_PR_CAPBSET_DROP, _CAPABILITIES = 24, 41
_PR_CAP_AMBIENT, _AMBIENT_RAISE, _PR_SET_KEEPCAPS = 47, 2, 8
_READ_SEARCH = 2  # CAP_DAC_READ_SEARCH
_INSTRUCTION = struct.Struct("<HBBI")
_LIBC = ctypes.CDLL(None, use_errno=True)


def deny(calls: Mapping[int, int]) -> None:
    """From now on, those system calls fail with those numbers, in children too."""
    steps = [(0x20, 0, 0, 0)]
    for number, error in calls.items():
        steps += [(0x15, 0, 1, number), (0x06, 0, 0, 0x0005_0000 | error)]
    steps.append((0x06, 0, 0, 0x7FFF_0000))
    program = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*step) for step in steps))
    header = struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(program))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(header))


def become(user: int) -> None:
    """An ordinary user, with one right: to read this program and its interpreter, which may lie
    where others may not look."""
    for number in range(_CAPABILITIES):
        if number != _READ_SEARCH:
            _prctl(_PR_CAPBSET_DROP, number)
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    rights = 1 << _READ_SEARCH
    header = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    sets = struct.pack("<6I", rights, rights, 0, 0, 0, 0)
    if _LIBC.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(4, 1)  # PR_SET_DUMPABLE, as any program that was started by this user


def _prctl(*words: object) -> None:
    padded = (*words, *(0,) * (5 - len(words)))
    if _LIBC.prctl(*(ctypes.c_ulong(w) if isinstance(w, int) else w for w in padded)):
        raise OSError(ctypes.get_errno(), f"prctl {words}")


def main(words: Sequence[str]) -> int:
    """Confine this process and become the programs."""
    (user, *denied), *programs = (list(group) for group in _groups(words))
    if user != "-":
        become(int(user))
    calls = dict(DEFAULT_CONTAINER)
    for each in denied:
        number, _, error = each.partition(":")
        calls[int(number)] = int(error)
    deny(calls)
    status = 0
    for module, *rest in programs:
        status = status or import_module(module).main(rest)
    return status


def _groups(words: Sequence[str]) -> Iterator[Sequence[str]]:
    rest = list(words)
    while "--" in rest:
        end = rest.index("--")
        yield rest[:end]
        rest = rest[end + 1 :]
    yield rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
