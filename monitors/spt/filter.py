"""Which system calls an spt guest may make: the tender's seccomp filter as a table.

Arguments are compared in all their 64 bits, as the filter's program does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from monitors.manifest import AttachedBlock, AttachedNet, Attachment
from monitors.ports import SystemCall
from monitors.spt.abi import CONSOLE_FD, EPOLL_FD, TIMER_FD, device_fd
from monitors.spt.linux import ARCH_SET_FS, CLOCK_MONOTONIC, CLOCK_REALTIME, Number

_U32 = 0xFFFFFFFF
_CLOCKS = frozenset((CLOCK_REALTIME, CLOCK_MONOTONIC))

Arguments = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class BlockRule:
    """A block device: its handle, the size of every transfer and where the last one begins, in
    bytes."""

    handle: int
    block_size: int
    last_offset: int


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter for a guest's devices, which it knows by descriptor."""

    nets: Mapping[int, int] = field(default_factory=dict)
    blocks: Mapping[int, BlockRule] = field(default_factory=dict)

    @classmethod
    def of(cls, attachments: Sequence[Attachment]) -> Filter:
        """The filter that lets a guest use its devices."""
        nets = [a for a in attachments if isinstance(a, AttachedNet)]
        blocks = [a for a in attachments if isinstance(a, AttachedBlock)]
        return cls(
            nets={device_fd(a.handle): a.handle for a in nets},
            blocks={
                device_fd(a.handle): BlockRule(
                    a.handle, a.block_size, a.capacity_bytes - a.block_size
                )
                for a in blocks
            },
        )

    def allows(self, system_call: SystemCall) -> bool:
        """Whether the guest survives a system call; no legacy one."""
        rule = _RULES.get(system_call.number & _U32)
        return rule is not None and not system_call.legacy and rule(self, system_call.arguments)


def _is_transfer(filter_: Filter, arguments: Arguments) -> bool:
    rule = filter_.blocks.get(arguments[0])
    if rule is None:
        return False
    return arguments[2] == rule.block_size and arguments[3] <= rule.last_offset


_RULES: Mapping[int, Callable[[Filter, Arguments], bool]] = {
    Number.READ: lambda filter_, a: a[0] in filter_.nets,
    Number.WRITE: lambda filter_, a: a[0] == CONSOLE_FD or a[0] in filter_.nets,
    Number.PREAD64: _is_transfer,
    Number.PWRITE64: _is_transfer,
    Number.ARCH_PRCTL: lambda _, a: a[0] == ARCH_SET_FS,
    Number.CLOCK_GETTIME: lambda _, a: a[0] in _CLOCKS,
    Number.EXIT_GROUP: lambda _, __: True,
    Number.EPOLL_PWAIT: lambda _, a: a[0] == EPOLL_FD,
    Number.TIMERFD_SETTIME: lambda _, a: a[0] == TIMER_FD,
}
