"""What a monitor needs from an engine, and what a machine needs from a monitor.

Values and protocols only. An *exit* is why an engine stopped; a monitor turns those that belong to
its target into a call. At every exit that stands for a crossing, RIP is already past the
instruction that crossed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from monitors.calls import Call, Result
from monitors.calls.values import crossing_value
from monitors.manifest import Attachment, Manifest

Registers = Mapping[str, int]
"""Register values by lower-case name (``rax`` to ``r15``, ``rip``, ``rflags``, ``cr3``, ...)."""


@crossing_value
class PortWrite:
    """``out``: ``size`` bytes (1, 2 or 4) of ``value`` to I/O ``port``."""

    port: int
    value: int
    size: int


@crossing_value
class PortRead:
    """``in`` (or a string variant) of ``size`` bytes from I/O ``port``."""

    port: int
    size: int


class TrapKind(enum.Enum):
    """The nondeterministic instructions that every engine traps."""

    RDTSC = "rdtsc"
    RDTSCP = "rdtscp"
    RDRAND = "rdrand"
    RDSEED = "rdseed"
    CPUID = "cpuid"

    # Members are the same only when they are one object, and Enum's own hash is slow.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Trap:
    """A trapped instruction, with as much of the processor's state as its answer depends on.

    For RDRAND and RDSEED: ``register`` is the destination (a 64-bit register's name), ``bits`` its
    width (16, 32 or 64), ``previous`` the register's 64-bit value and ``rflags`` the flags before
    the instruction. For CPUID: the leaf (EAX) and subleaf (ECX) asked for.
    """

    kind: TrapKind
    register: str = "rax"
    bits: int = 64
    leaf: int = 0
    subleaf: int = 0
    previous: int = 0
    rflags: int = 0x2


@dataclass(frozen=True, slots=True)
class Hlt:
    """The guest executed ``hlt`` at address ``rip``; with no interrupts it would never wake."""

    rip: int


@dataclass(frozen=True, slots=True)
class TranslationFault:
    """The guest's page tables allow a write that the host's protection of ``gpa`` refuses."""

    rip: int
    gpa: int


@dataclass(frozen=True, slots=True)
class TripleFault:
    """An exception could not be delivered, nor the double fault that followed it."""

    rip: int
    vector: int


@dataclass(frozen=True, slots=True)
class UnbackedAccess:
    """The guest's page tables map ``gpa``, where the machine has no memory."""

    rip: int
    gpa: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody called ``Engine.interrupt``; the guest stands between two instructions."""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """The instruction at ``rip`` is about to run, and somebody wants to know."""

    rip: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The instruction before ``rip`` accessed the watched memory at ``address``."""

    rip: int
    address: int


@dataclass(frozen=True, slots=True)
class TargetReached:
    """The instruction count asked for has been executed."""


@crossing_value
class SystemCall:
    """A guest in user mode made a system call; RIP is behind the instruction.

    ``arguments`` are RDI, RSI, RDX, R10, R8, R9; ``rip`` is the address behind the instruction and
    ``rflags`` the flags at it. ``legacy``: not by ``syscall`` but by a 32-bit way (``int 0x80``,
    ``sysenter``), whose numbers mean something else.
    """

    number: int
    arguments: tuple[int, int, int, int, int, int]
    rip: int
    rflags: int = 0x202
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class UserFault:
    """A guest in user mode caused exception ``vector`` at ``rip``; it has no handlers of its own.

    ``address`` is what a page fault was about, and ``error_code`` as a processor would push it in
    user mode (both 0 where there is none).
    """

    rip: int
    vector: int
    error_code: int = 0
    address: int = 0


Exit = (
    PortWrite
    | PortRead
    | Trap
    | Hlt
    | TranslationFault
    | TripleFault
    | UnbackedAccess
    | SystemCall
    | UserFault
    | Breakpoint
    | Watched
    | Interrupted
    | TargetReached
)


class GuestMemory(Protocol):
    """Access to guest memory by guest physical address.

    Raises ``monitors.errors.BadGuestPointer`` for what is outside.
    """

    def read(self, gpa: int, size: int) -> bytes: ...

    def write(self, gpa: int, data: bytes) -> None: ...


class CheckedMemory(GuestMemory, Protocol):
    """Guest memory behind a target's bounds rule; the only way in for a monitor."""

    def check(self, gpa: int, size: int, *, write: bool = False) -> None:
        """Raise ``BadGuestPointer`` unless ``size`` bytes at ``gpa`` may be read (``write``: and
        written, where the target makes a difference)."""
        ...


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to place at guest physical address ``gpa`` before the guest starts."""

    gpa: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Protection:
    """Host rights over ``[start, end)``, page-aligned; memory not named is read/write/execute.

    Where the guest has page tables of its own, these say what it can read and execute, and
    ``readable`` and ``executable`` are always true here. ``code``: whether the image says that
    there are instructions, so that an engine may look for some and patch them out of sight.
    """

    start: int
    end: int
    writable: bool
    readable: bool = True
    executable: bool = True
    code: bool = True


@dataclass(frozen=True, slots=True)
class BootState:
    """Everything a machine holds when its guest's first instruction is about to run.

    The selector in CS decides about the processor's mode. With privilege level 0 (hvt) the guest
    owns a whole processor with page tables and an IDT. With level 3 it is in *user mode* (spt):
    addresses are physical and the protections the whole truth about them, every exception is the
    exit ``UserFault`` and every system call the exit ``SystemCall``.
    """

    segments: Sequence[Segment]
    protections: Sequence[Protection]
    registers: Registers


@dataclass(frozen=True, slots=True)
class GuestImage:
    """A unikernel as read from its ELF file.

    ``segments`` are the loadable ones in file order, ``protections`` the rights of each in the
    order of their addresses; ``kernel_end`` is the highest rounded end.
    """

    target: str
    abi_version: int
    manifest: Manifest
    entry: int
    segments: Sequence[Segment]
    protections: Sequence[Protection]
    kernel_end: int


@dataclass(frozen=True, slots=True)
class BootRequest:
    """What the operator chose: sizes in bytes, the command line without its NUL, devices.

    ``executable_heap`` is for targets where a guest could not execute its heap and stack else.
    """

    image: GuestImage
    mem_size: int
    tsc_hz: int
    command_line: bytes = b""
    attachments: Sequence[Attachment] = field(default_factory=tuple)
    executable_heap: bool = False


@crossing_value
class Crossing:
    """A decoded exit: the call, and where its result belongs.

    That is the structure at guest address ``answer_gpa`` and the buffer at ``buffer_gpa`` (0:
    none), for a trapped instruction the registers that ``trap`` names, and for a system call also
    those that ``system_call`` implies.
    """

    call: Call
    answer_gpa: int = 0
    buffer_gpa: int = 0
    trap: Trap | None = None
    system_call: SystemCall | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A decoded exit whose answer depends on nothing outside the guest: the registers to set.

    Nothing crosses the door, so it is no event.
    """

    registers: Registers


class Monitor(Protocol):
    """One target's ABI for one guest, as pure knowledge: no I/O, no engine, no changing state.

    ``monitors.registry.monitor_for`` makes the one that fits an image.
    """

    @property
    def name(self) -> str: ...

    @property
    def host_errors_end_the_run(self) -> bool:
        """Whether the target's tender stops when the host fails a device, or tells the guest."""
        ...

    def memory_size(self, mib: int) -> int:
        """The bytes that the target's tender gives for ``--mem=mib``; raises GuestRefused."""
        ...

    def boot(self, request: BootRequest) -> BootState:
        """The state at the entry point; raises ``GuestRefused`` when the guest does not fit."""
        ...

    def memory(self, raw: GuestMemory, mem_size: int) -> CheckedMemory:
        """``raw`` behind the target's own bounds rule."""
        ...

    def decode(self, exit_: Exit, memory: CheckedMemory) -> Crossing | Answered:
        """The call that an exit stands for; a broken rule is the call ``Misuse``."""
        ...

    def encode(self, crossing: Crossing, result: Result, memory: CheckedMemory) -> Registers:
        """Write a result into the guest; returns the registers to change (often none).

        Raises ``BadAnswer`` for a result that does not fit the call.
        """
        ...
