"""The process in which a guest runs natively: an address space with nothing in it but the guest.

It starts as a hand-made executable of two pages, a *gate* of two instructions and a page of scratch
memory, at an address that no guest can guess. Everything else is done from here by *remote calls*:
system calls that the process makes in the gate with the registers that it is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import resource
import signal
import struct
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from replay.engines.errors import EngineFailure, EngineUnavailable
from replay.engines.native.ptrace import CONTINUE, INDEX, NO_SYSTEM_CALL, ORIG_RAX, RAX, RIP, Tracee
from replay.engines.native.seccomp import Rule, assemble
from replay.engines.ram import PAGE_BYTES

SYS_MMAP, SYS_MPROTECT, SYS_MUNMAP = 9, 10, 11
_SYS_PRCTL, _SYS_SETRLIMIT, _SYS_SECCOMP, _SYS_CLOSE_RANGE = 157, 160, 317, 436
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED, MAP_PRIVATE, _MAP_FIXED = 1, 2, 0x10
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_RLIMIT_CORE = 4
_SECCOMP_SET_MODE_FILTER = 1
_MFD_EXEC = 0x10

FIRST_DESCRIPTOR = 100
"""The number of the first descriptor that was handed over; the others follow."""

ARENA_BYTES = 1 << 34
"""From ``base`` on, as much of the address space is the engine's own."""

_ARENAS = (0x1000_0000_0000, 0x7000_0000_0000)
_CODE_AT = 0x200
# ptrace(PTRACE_TRACEME), then a stop: mov eax,101; xor edi,edi; syscall; int3
_ENTRY = bytes.fromhex("b86500000031ff0f05cc").ljust(16, b"\xcc")
_GATE = b"\x0f\x05\xcc"  # syscall; int3
_GATE_AT = _CODE_AT + len(_ENTRY)
_SYSCALL_BYTES = 2
_SCRATCH_AT = PAGE_BYTES
_MAX_ERRNO = 4095
_ARGUMENTS = tuple(INDEX[name] for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9"))
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_WAIT_ALL = 0x40000000
_U32_MAX, _U64_MAX = (1 << 32) - 1, (1 << 64) - 1
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_LOWEST_ADDRESS = Path("/proc/sys/vm/mmap_min_addr")
_REMEDY = "allow ptrace and seccomp for this container, or choose --engine unicorn"
_REMEDIES = {
    errno.ENOMEM: "raise the limit of address space (ulimit -v), or choose --engine unicorn",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or choose --engine unicorn",
    errno.EAGAIN: "raise the limit of processes (ulimit -u), or choose --engine unicorn",
}


@dataclass(frozen=True, slots=True)
class Region:
    """A line of ``/proc/PID/maps``: ``name`` is a path, ``[vdso]`` and the like, or empty."""

    start: int
    end: int
    name: str


class Child:
    """A stopped process. ``descriptors`` become its numbers from FIRST_DESCRIPTOR on; it has no
    others. ``base`` is where the engine's own part of its address space begins, of which the first
    two pages are taken.

    Raises EngineUnavailable when the host does not permit it.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.base = random.SystemRandom().randrange(*_ARENAS, ARENA_BYTES)
        pid = _spawn(self.base, descriptors)
        self._end = weakref.finalize(self, _kill, pid)
        self.tracee = Tracee(pid)
        self.scratch = self.base + _SCRATCH_AT
        self.passed_over: set[int] = set()
        try:
            self._adopt()
            self._memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        except (OSError, EngineFailure) as error:
            self._end()
            what = f"ptrace is not permitted ({error})"
            raise EngineUnavailable("native", what, _REMEDY) from error
        weakref.finalize(self, os.close, self._memory)
        self._prepare(len(descriptors))

    @property
    def gate(self) -> int:
        """The address that a filter sees for remote calls."""
        return self.base + _GATE_AT + _SYSCALL_BYTES

    def call(self, number: int, *arguments: int) -> int:
        """Make a system call in the stopped process, whose registers stay as they are.

        Raises OSError with the kernel's answer.
        """
        tracee = self.tracee
        words = tracee.fetch()
        saved = words.tobytes()
        words[RIP] = self.base + _GATE_AT
        words[RAX], words[ORIG_RAX] = number, NO_SYSTEM_CALL
        padded = (*arguments, *(0,) * (len(_ARGUMENTS) - len(arguments)))
        for register, value in zip(_ARGUMENTS, padded, strict=True):
            words[register] = value & _U64_MAX
        tracee.store()
        self._run_gate()
        answer = tracee.fetch()[RAX]
        words.cast("B")[:] = saved
        words[ORIG_RAX] = NO_SYSTEM_CALL
        tracee.store()
        if answer > _U64_MAX - _MAX_ERRNO:
            code = (1 << 64) - answer
            raise OSError(code, os.strerror(code), f"system call {number} of the guest's process")
        return answer

    def map_file(
        self, address: int, size: int, protection: int, kind: int, *, descriptor: int, offset: int
    ) -> None:
        """Map a part of the file that was handed over as number ``descriptor`` (from 0), replacing
        what was there; ``kind`` is MAP_SHARED or MAP_PRIVATE."""
        number = FIRST_DESCRIPTOR + descriptor
        flags = kind | _MAP_FIXED
        try:
            self.call(SYS_MMAP, address, size, protection, flags, number, offset)
        except PermissionError as error:
            lowest = int(_LOWEST_ADDRESS.read_text())
            if address >= lowest:
                raise
            what = f"this host lets no process have memory below {lowest:#x}, as guests need it"
            remedy = f"sysctl vm.mmap_min_addr={address}, or choose --engine unicorn"
            raise EngineUnavailable("native", what, remedy) from error

    def protect(self, address: int, size: int, protection: int) -> None:
        """Change what the process may do with whole pages."""
        self.call(SYS_MPROTECT, address, size, protection)

    def regions(self) -> list[Region]:
        """What is mapped."""
        lines = Path(f"/proc/{self.tracee.pid}/maps").read_text().splitlines()
        return [_region(line) for line in lines]

    def clear(self, keep: Collection[str] = ()) -> None:
        """Unmap everything but the gate, the scratch page and the regions named ``keep``.

        The kernel's ``[vsyscall]`` page cannot go; a filter has to close it.
        """
        own = range(self.base, self.base + ARENA_BYTES)
        for region in self.regions():
            if region.start not in own and region.name not in (*keep, "[vsyscall]"):
                self.call(SYS_MUNMAP, region.start, region.end - region.start)

    def read(self, address: int, size: int) -> bytes:
        """Memory of the process; OSError where nothing is mapped."""
        return os.pread(self._memory, size, address)

    def write(self, address: int, data: bytes) -> None:
        """Change memory that the process itself could write to."""
        written = os.pwrite(self._memory, data, address)
        assert written == len(data), (address, written)

    def lock_down(self, rules: Sequence[Rule]) -> None:
        """Allow the process no system calls but those of ``rules`` from now on.

        Calls from the gate are the engine's own. It is asked about each of them, so that a guest
        which jumps there gets nothing from it.
        """
        gate = self.gate, self.gate
        program = assemble([replace(each, asks=each.callers == gate) for each in rules])
        count = len(program) // 8
        header = struct.pack("<HxxxxxxQ", count, self.scratch + 16)  # struct sock_fprog
        self.write(self.scratch, header + program)
        self.call(_SYS_PRCTL, _PR_SET_NO_NEW_PRIVS, 1)
        self.call(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, 0, self.scratch)
        self.write(self.scratch, bytes(len(header) + len(program)))

    def close(self) -> None:
        """End the process; twice does no harm."""
        self._end()

    @contextlib.contextmanager
    def permitted(self) -> Iterator[None]:
        """While inside, what the host does not permit ends the process and is EngineUnavailable."""
        try:
            yield
        except (OSError, EngineFailure) as error:
            self._end()
            what = f"the guest's process cannot be prepared: {_in_words(error)}"
            raise EngineUnavailable("native", what, remedy_for(error)) from error

    def _adopt(self) -> None:
        number = self.tracee.wait()
        if number != signal.SIGTRAP:
            raise EngineFailure(f"it stopped with signal {number}")
        if self.tracee.fetch()[RAX]:
            raise EngineFailure("it may not be traced")
        self.tracee.adopt()

    def _prepare(self, handed_over: int) -> None:
        with self.permitted():
            self.call(_SYS_PRCTL, _PR_SET_PDEATHSIG, signal.SIGKILL)
            self.write(self.scratch, struct.pack("<QQ", 0, 0))  # struct rlimit
            self.call(_SYS_SETRLIMIT, _RLIMIT_CORE, self.scratch)
            self.call(_SYS_CLOSE_RANGE, 0, FIRST_DESCRIPTOR - 1, 0)
            self.call(_SYS_CLOSE_RANGE, FIRST_DESCRIPTOR + handed_over, _U32_MAX, 0)

    def _run_gate(self) -> None:
        """Signals that arrive meanwhile are noted in ``passed_over``."""
        while True:
            self.tracee.resume(CONTINUE)
            number = self.tracee.wait_own_call()
            if number == signal.SIGTRAP:
                return
            if number == signal.SIGSYS:
                raise EngineFailure("the filter of the guest's process refuses the engine's call")
            self.passed_over.add(number)


def _in_words(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return ": ".join(str(each) for each in (error.filename, error.strerror) if each)


def remedy_for(error: Exception) -> str:
    """What somebody can do about a host that refused something with ``error``."""
    number = error.errno if isinstance(error, OSError) else None
    return _REMEDY if number is None else _REMEDIES.get(number, _REMEDY)


def _spawn(base: int, descriptors: Sequence[int]) -> int:
    image = _executable(base)
    targets = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + len(descriptors))
    opened: list[int] = []
    try:
        _check_limit(targets.stop + len(targets) + 1)
        # Above the numbers that the new process gives to others before it uses these.
        file = _anonymous_file()
        opened.append(file)
        os.write(file, image)
        sources = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, targets.stop) for each in descriptors]
        opened += sources
        program = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, targets.stop)
        opened.append(program)
        return os.posix_spawn(
            f"/proc/self/fd/{program}",
            ["solo5-guest"],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, descriptor, target)
                for descriptor, target in zip(sources, targets, strict=True)
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except OSError as error:
        what = f"no process for the guest: {_in_words(error)}"
        raise EngineUnavailable("native", what, remedy_for(error)) from error
    finally:
        for each in opened:
            os.close(each)


def _check_limit(descriptors: int) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < descriptors:
        raise OSError(errno.EMFILE, f"{limit} open files are allowed, {descriptors} are needed")


def _anonymous_file() -> int:
    try:
        return os.memfd_create("solo5-gate", os.MFD_CLOEXEC | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise OSError(error.errno, f"memfd_create: {error.strerror}") from error
        # Older than Linux 6.3, which does not ask.
        return os.memfd_create("solo5-gate", os.MFD_CLOEXEC)


def _executable(base: int) -> bytes:
    """An ELF file: one page to execute, one to write to, and a stack that is not executable."""
    code = _CODE_AT + base
    header = _ELF_HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, code, 64, 0, 0, 64, _SEGMENT.size, 3, 0, 0, 0
    )
    text = _SEGMENT.pack(1, 5, 0, base, base, PAGE_BYTES, PAGE_BYTES, PAGE_BYTES)
    scratch = base + _SCRATCH_AT
    data = _SEGMENT.pack(1, 6, 0, scratch, scratch, 0, PAGE_BYTES, PAGE_BYTES)
    stack = _SEGMENT.pack(0x6474E551, 6, 0, 0, 0, 0, 0, 16)  # PT_GNU_STACK
    head = (header + text + data + stack).ljust(_CODE_AT, b"\0")
    return (head + _ENTRY + _GATE).ljust(PAGE_BYTES, b"\xcc")


def _region(line: str) -> Region:
    fields = line.split(maxsplit=5)
    start, end = (int(word, 16) for word in fields[0].split("-"))
    return Region(start, end, fields[5] if len(fields) > 5 else "")


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, _WAIT_ALL)
