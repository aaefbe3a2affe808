"""System calls and exceptions of an spt guest as calls, and results as Linux would return them.

The tender's filter is asked first, then the arguments are looked at in the kernel's order. Three
things are stricter than Linux, which the bindings never try: a timer is set to an absolute time,
once, and its old value is not asked for; a wait changes no signal mask; a buffer that is bad
anywhere is refused whole, whether or not there is something to transfer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from monitors.calls import RESULT_OF, Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import ReadySet, SetTimer, WaitReady
from monitors.errors import BadAnswer, BadGuestPointer
from monitors.ports import (
    Answered,
    CheckedMemory,
    Crossing,
    Exit,
    Registers,
    SystemCall,
    Trap,
    UserFault,
)
from monitors.spt.abi import (
    CONSOLE_FD,
    SOLO5_R_AGAIN,
    SOLO5_R_EINVAL,
    SOLO5_R_EUNSPEC,
    SOLO5_R_OK,
    SPT_INTERNAL_TIMERFD,
)
from monitors.spt.faults import misuse_of
from monitors.spt.filter import Filter
from monitors.spt.linux import (
    ADDRESS_END,
    CLOCK_MONOTONIC,
    EPOLL_EVENT,
    EPOLL_EVENTS_MAX,
    EPOLLIN,
    ITIMERSPEC,
    KTIME_MAX_NS,
    RW_COUNT_MAX,
    TFD_TIMER_ABSTIME,
    TIMESPEC,
    Errno,
    Number,
    name_of,
)
from monitors.traps import decode_trap, encode_trap

_NS_PER_S = 1_000_000_000
_U32 = 0xFFFFFFFF
_U64 = (1 << 64) - 1
_NO_REGISTERS: Registers = {}
# CF PF AF ZF SF OF: processors and emulators may differ about those that the manual leaves
# undefined, and r11 would tell the guest.
_STATUS_FLAGS = 0x8D5
_LAST_CALLS = frozenset((Halt, Misuse))
_SYSTEM_CALL_BYTES = 2  # of each of syscall, sysenter and int 0x80

_ERRNO_OF = {
    SOLO5_R_AGAIN: Errno.EAGAIN,
    SOLO5_R_EINVAL: Errno.EINVAL,
    SOLO5_R_EUNSPEC: Errno.EIO,
}


def decode(exit_: Exit, memory: CheckedMemory, filter_: Filter) -> Crossing | Answered:
    """The call that an exit stands for; what the filter forbids is the call ``Misuse``."""
    if type(exit_) is SystemCall:
        return _decode_system_call(exit_, memory, filter_)
    match exit_:
        case Trap():
            return decode_trap(exit_)
        case UserFault():
            return Crossing(misuse_of(exit_))
        case _:
            raise AssertionError(f"{exit_!r} is no crossing")


def encode(crossing: Crossing, result: Result, memory: CheckedMemory, filter_: Filter) -> Registers:
    """Write ``result`` into the guest; BadAnswer when it does not fit the call."""
    if crossing.trap is not None:
        return encode_trap(crossing.trap, result)
    call, system_call = crossing.call, crossing.system_call
    kind = type(call)
    if RESULT_OF[kind] is not type(result):
        raise BadAnswer(call, result, f"expected {RESULT_OF[kind].__name__}")
    if system_call is None or kind in _LAST_CALLS:
        return _NO_REGISTERS
    try:
        if type(result) is ClockReading:  # as guests in a loop want it
            value = _write_time(crossing, result, memory)
        else:
            value = _write_result(crossing, system_call, result, memory, filter_)
    except struct.error as error:
        raise BadAnswer(call, result, str(error)) from error
    return _returned(system_call, value)


def _returned(system_call: SystemCall, value: int) -> Registers:
    return {
        "rax": value & _U64,
        "rcx": system_call.rip,
        "r11": system_call.rflags & ~_STATUS_FLAGS,
    }


def _failed(system_call: SystemCall, errno: Errno) -> Answered:
    return Answered(_returned(system_call, -errno))


def _decode_system_call(
    system_call: SystemCall, memory: CheckedMemory, filter_: Filter
) -> Crossing | Answered:
    if not filter_.allows(system_call):
        return Crossing(_forbidden(system_call))
    try:
        return _DECODERS[system_call.number & _U32](system_call, memory, filter_)
    except BadGuestPointer:
        return _failed(system_call, Errno.EFAULT)


def _forbidden(system_call: SystemCall) -> Misuse:
    number = system_call.number & _U32
    name = "" if system_call.legacy else name_of(number)
    which = f"{'32-bit ' * system_call.legacy}system call {number}{f' ({name})' if name else ''}"
    arguments = ", ".join(f"{argument:#x}" for argument in system_call.arguments)
    at = (system_call.rip - _SYSTEM_CALL_BYTES) & _U64
    detail = f"{which} with arguments {arguments} is not allowed: rip={at:#x}"
    return Misuse(MisuseKind.FORBIDDEN_CALL, detail)


def _decode_write(system_call: SystemCall, memory: CheckedMemory, filter_: Filter) -> Crossing:
    fd, buffer, count = system_call.arguments[:3]
    data = memory.read(buffer, min(count, RW_COUNT_MAX))
    call: Call = ConsoleWrite(data) if fd == CONSOLE_FD else NetWrite(filter_.nets[fd], data)
    return Crossing(call, system_call=system_call)


def _decode_read(
    system_call: SystemCall, memory: CheckedMemory, filter_: Filter
) -> Crossing | Answered:
    fd, buffer, count = system_call.arguments[:3]
    length = min(count, RW_COUNT_MAX)
    memory.check(buffer, length, write=True)
    if length == 0:  # takes no frame from the device
        return Answered(_returned(system_call, 0))
    call = NetRead(filter_.nets[fd], length)
    return Crossing(call, buffer_gpa=buffer, system_call=system_call)


def _decode_clock(system_call: SystemCall, memory: CheckedMemory, _: Filter) -> Crossing:
    clock, answer = system_call.arguments[:2]
    memory.check(answer, TIMESPEC.size, write=True)
    call = MONOTONIC_CLOCK if clock == CLOCK_MONOTONIC else WALL_CLOCK
    return Crossing(call, answer, 0, None, system_call)  # by place: this is done most often


def _decode_block(system_call: SystemCall, memory: CheckedMemory, filter_: Filter) -> Crossing:
    fd, buffer, length, offset = system_call.arguments[:4]
    handle = filter_.blocks[fd].handle
    if system_call.number & _U32 == Number.PWRITE64:
        write = BlockWrite(handle, offset, memory.read(buffer, length))
        return Crossing(write, system_call=system_call)
    memory.check(buffer, length, write=True)
    read = BlockRead(handle, offset, length)
    return Crossing(read, buffer_gpa=buffer, system_call=system_call)


def _decode_set_timer(
    system_call: SystemCall, memory: CheckedMemory, _: Filter
) -> Crossing | Answered:
    flags, new_value, old_value = system_call.arguments[1:4]
    *interval, seconds, nanoseconds = ITIMERSPEC.unpack(memory.read(new_value, ITIMERSPEC.size))
    is_valid = seconds >= 0 and 0 <= nanoseconds < _NS_PER_S
    if flags & _U32 != TFD_TIMER_ABSTIME or any(interval) or old_value or not is_valid:
        return _failed(system_call, Errno.EINVAL)
    at_ns = min(seconds * _NS_PER_S + nanoseconds, KTIME_MAX_NS)
    return Crossing(SetTimer(at_ns), system_call=system_call)


def _decode_wait(
    system_call: SystemCall, memory: CheckedMemory, filter_: Filter
) -> Crossing | Answered:
    events, count, timeout, signal_mask = system_call.arguments[1:5]
    if signal_mask or not 0 < _signed32(count) <= EPOLL_EVENTS_MAX:
        return _failed(system_call, Errno.EINVAL)
    room = min(count & _U32, len(filter_.nets) + 1)
    memory.check(events, room * EPOLL_EVENT.size, write=True)
    call = WaitReady(_signed32(timeout))
    return Crossing(call, buffer_gpa=events, system_call=system_call)


def _decode_exit(system_call: SystemCall, _: CheckedMemory, __: Filter) -> Crossing:
    return Crossing(Halt(_signed32(system_call.arguments[0])), system_call=system_call)


def _set_fs_base(system_call: SystemCall, _: CheckedMemory, __: Filter) -> Answered:
    base = system_call.arguments[1]
    if base >= ADDRESS_END:
        return _failed(system_call, Errno.EPERM)
    return Answered({**_returned(system_call, 0), "fs_base": base})


_DECODERS: dict[int, Callable[[SystemCall, CheckedMemory, Filter], Crossing | Answered]] = {
    Number.READ: _decode_read,
    Number.WRITE: _decode_write,
    Number.PREAD64: _decode_block,
    Number.PWRITE64: _decode_block,
    Number.ARCH_PRCTL: _set_fs_base,
    Number.CLOCK_GETTIME: _decode_clock,
    Number.EXIT_GROUP: _decode_exit,
    Number.EPOLL_PWAIT: _decode_wait,
    Number.TIMERFD_SETTIME: _decode_set_timer,
}
"""A decoder for each system call that the filter lets through."""


def _signed32(value: int) -> int:
    return (value & _U32 ^ 0x80000000) - 0x80000000


def _write_result(
    crossing: Crossing,
    system_call: SystemCall,
    result: Result,
    memory: CheckedMemory,
    filter_: Filter,
) -> int:
    """What the system call returns, after its memory is written."""
    match result:
        case ReadySet():
            return _write_events(crossing, system_call, result, memory, filter_)
        case BlockData(status, data) | NetFrame(status, data):
            if status != SOLO5_R_OK:
                return _error(crossing.call, result, status)
            _check_length(crossing.call, result, len(data))
            memory.write(crossing.buffer_gpa, data)
            return len(data)
        case IoStatus(status):
            call = crossing.call
            if status == SOLO5_R_OK and isinstance(call, BlockWrite | NetWrite):
                return len(call.data)
            return _error(call, result, status)
        case _:
            return len(crossing.call.data) if isinstance(crossing.call, ConsoleWrite) else 0


def _write_time(crossing: Crossing, reading: ClockReading, memory: CheckedMemory) -> int:
    if not 0 <= reading.ns <= _U64:
        raise BadAnswer(crossing.call, reading, "no 64-bit time")
    memory.write(crossing.answer_gpa, TIMESPEC.pack(*divmod(reading.ns, _NS_PER_S)))
    return 0


def _write_events(
    crossing: Crossing,
    system_call: SystemCall,
    ready: ReadySet,
    memory: CheckedMemory,
    filter_: Filter,
) -> int:
    handles = sorted(filter_.nets.values())
    if ready.ready_set & ~sum(1 << handle for handle in handles):
        raise BadAnswer(crossing.call, ready, "a device that the guest does not have is ready")
    data = [handle for handle in handles if ready.ready_set >> handle & 1]
    if ready.timer_fired:
        data.append(SPT_INTERNAL_TIMERFD)
    room = system_call.arguments[2] & _U32
    events = [EPOLL_EVENT.pack(EPOLLIN, word) for word in data[:room]]
    memory.write(crossing.buffer_gpa, b"".join(events))
    return len(events)


def _check_length(call: Call, result: Result, length: int) -> None:
    if isinstance(call, BlockRead) and length != call.length:
        raise BadAnswer(call, result, f"{length} bytes instead of {call.length}")
    if isinstance(call, NetRead) and length > call.length:
        raise BadAnswer(call, result, f"{length} bytes, more than {call.length}")


def _error(call: Call, result: Result, status: int) -> int:
    if status not in _ERRNO_OF:
        raise BadAnswer(call, result, f"no status {status}")
    return -_ERRNO_OF[status]
