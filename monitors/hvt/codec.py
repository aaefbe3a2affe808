"""Exits of an hvt guest as calls, and results as bytes in its memory.

The order of checks is the tender's: the structure first, then the device and the range, and only
for a request that reaches its device the buffer. So a bad handle is answered with EINVAL even when
the buffer is bad too, while a bad pointer of a good request ends the guest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from monitors.calls import RESULT_OF, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Done, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.errors import BadAnswer, BadGuestPointer
from monitors.hvt.abi import (
    BLOCK,
    BLOCK_RET_AT,
    HALT,
    HVT_HALT_COOKIE_MAX,
    HVT_HYPERCALL_MAX,
    HVT_HYPERCALL_PIO_BASE,
    NET,
    NET_LEN_AT,
    NET_READ_ANSWER,
    NET_RET_AT,
    POLL,
    POLL_ANSWER,
    POLL_ANSWER_AT,
    PUTS,
    RET,
    SOLO5_R_OK,
    WALLTIME,
    Hypercall,
)
from monitors.manifest import AttachedBlock, Attachment, DeviceType, Manifest
from monitors.ports import (
    CheckedMemory,
    Crossing,
    Exit,
    Hlt,
    PortRead,
    PortWrite,
    Registers,
    TranslationFault,
    Trap,
    TripleFault,
    UnbackedAccess,
)
from monitors.traps import decode_trap, encode_trap

_LENGTH_MAX = (1 << 63) - 1
_HANDLE_MASK = 0xFFFFFFFF
_NO_REGISTERS: Registers = {}
_BLOCK_CALLS = frozenset((Hypercall.BLOCK_WRITE, Hypercall.BLOCK_READ))
_NET_CALLS = frozenset((Hypercall.NET_WRITE, Hypercall.NET_READ))


@dataclass(frozen=True, slots=True)
class Devices:
    """What decides whether a request reaches a device: handles, and capacities in bytes."""

    blocks: frozenset[int] = frozenset()
    nets: frozenset[int] = frozenset()
    capacities: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest, attachments: Sequence[Attachment]) -> Devices:
        """The devices of a guest; one without an attachment has no capacity."""
        return cls(
            blocks=manifest.handles(DeviceType.BLOCK_BASIC),
            nets=manifest.handles(DeviceType.NET_BASIC),
            capacities={
                a.handle: a.capacity_bytes for a in attachments if isinstance(a, AttachedBlock)
            },
        )

    def block_reaches(self, handle: int, offset: int, length: int) -> bool:
        """Whether the tender would touch the host's file, and so the guest's buffer."""
        if handle not in self.blocks or length > _LENGTH_MAX:
            return False
        capacity = self.capacities.get(handle, 0)
        return offset < capacity and offset + length <= capacity


def decode(exit_: Exit, memory: CheckedMemory, devices: Devices) -> Crossing:
    """The call that an exit stands for; a broken rule is the call ``Misuse``."""
    match exit_:
        case PortWrite():
            return _decode_port_write(exit_, memory, devices)
        case Trap():
            return decode_trap(exit_)
        case PortRead(port, size):
            return _bad_port("in", port, size)
        case TranslationFault(rip, gpa):
            detail = f"host/guest translation fault: rip={rip:#x}, gpa={gpa:#x}"
            return _misuse(MisuseKind.TRANSLATION_FAULT, detail)
        case Hlt(rip):
            return _unhandled("hlt", rip)
        case TripleFault(rip, vector):
            return _unhandled(f"triple fault after exception {vector}", rip)
        case UnbackedAccess(rip, gpa):
            return _unhandled(f"access to gpa={gpa:#x}, where no memory is", rip)
        case _:
            raise AssertionError(f"{exit_!r} is no crossing")


def encode(crossing: Crossing, result: Result, memory: CheckedMemory) -> Registers:
    """Write ``result`` into the guest; BadAnswer when it does not fit the call."""
    if crossing.trap is not None:
        return encode_trap(crossing.trap, result)
    call = crossing.call
    if RESULT_OF[type(call)] is not type(result):
        raise BadAnswer(call, result, f"expected {RESULT_OF[type(call)].__name__}")
    try:
        _write_result(crossing, result, memory)
    except struct.error as error:
        raise BadAnswer(call, result, str(error)) from error
    return _NO_REGISTERS


def _decode_port_write(exit_: PortWrite, memory: CheckedMemory, devices: Devices) -> Crossing:
    number = exit_.port - HVT_HYPERCALL_PIO_BASE
    if exit_.size != 4 or not 0 <= number < HVT_HYPERCALL_MAX:
        return _bad_port("out", exit_.port, exit_.size)
    decoder = _DECODERS.get(number)
    if decoder is None or not _in_use(number, devices):
        return _misuse(MisuseKind.INVALID_HYPERCALL, f"invalid hypercall: {number}")
    try:
        return decoder(exit_.value, memory, devices)
    except BadGuestPointer as error:
        detail = f"invalid guest access: gpa={error.gpa:#x}, size={error.size:#x}"
        return _misuse(MisuseKind.INVALID_POINTER, detail)


def _in_use(number: int, devices: Devices) -> bool:
    """Whether the tender has the module that serves a hypercall: block and net need a device."""
    if number in _BLOCK_CALLS:
        return bool(devices.blocks)
    if number in _NET_CALLS:
        return bool(devices.nets)
    return True


def _decode_walltime(gpa: int, memory: CheckedMemory, _: Devices) -> Crossing:
    memory.check(gpa, WALLTIME.size)
    return Crossing(WALL_CLOCK, gpa)


def _decode_puts(gpa: int, memory: CheckedMemory, _: Devices) -> Crossing:
    data_gpa, length = PUTS.unpack(memory.read(gpa, PUTS.size))
    return Crossing(ConsoleWrite(memory.read(data_gpa, length)))


def _decode_poll(gpa: int, memory: CheckedMemory, _: Devices) -> Crossing:
    timeout_ns = POLL.unpack(memory.read(gpa, POLL.size))[0]
    return Crossing(Poll(timeout_ns), gpa)


def _decode_block_write(gpa: int, memory: CheckedMemory, devices: Devices) -> Crossing:
    handle, offset, data_gpa, length, _ = BLOCK.unpack(memory.read(gpa, BLOCK.size))
    handle &= _HANDLE_MASK
    if devices.block_reaches(handle, offset, length):
        data = memory.read(data_gpa, length)
    else:
        # Refused whatever the buffer holds, so it stays unread; empty data has to lie outside.
        data, offset = b"", max(offset, devices.capacities.get(handle, 0))
    return Crossing(BlockWrite(handle, offset, data), gpa)


def _decode_block_read(gpa: int, memory: CheckedMemory, devices: Devices) -> Crossing:
    handle, offset, data_gpa, length, _ = BLOCK.unpack(memory.read(gpa, BLOCK.size))
    handle &= _HANDLE_MASK
    if devices.block_reaches(handle, offset, length):
        memory.check(data_gpa, length)
    return Crossing(BlockRead(handle, offset, length), gpa, data_gpa)


def _decode_net_write(gpa: int, memory: CheckedMemory, devices: Devices) -> Crossing:
    handle, data_gpa, length, _ = NET.unpack(memory.read(gpa, NET.size))
    handle &= _HANDLE_MASK
    if handle not in devices.nets:
        return Crossing(NetWrite(handle, b""), gpa)
    return Crossing(NetWrite(handle, memory.read(data_gpa, length)), gpa)


def _decode_net_read(gpa: int, memory: CheckedMemory, devices: Devices) -> Crossing:
    handle, data_gpa, length, _ = NET.unpack(memory.read(gpa, NET.size))
    handle &= _HANDLE_MASK
    if handle in devices.nets:
        memory.check(data_gpa, length)
    return Crossing(NetRead(handle, length), gpa, data_gpa)


def _decode_halt(gpa: int, memory: CheckedMemory, _: Devices) -> Crossing:
    cookie_gpa, status = HALT.unpack(memory.read(gpa, HALT.size))
    cookie = memory.read(cookie_gpa, HVT_HALT_COOKIE_MAX) if cookie_gpa else b""
    return Crossing(Halt(status, cookie))


_DECODERS: dict[int, Callable[[int, CheckedMemory, Devices], Crossing]] = {
    Hypercall.WALLTIME: _decode_walltime,
    Hypercall.PUTS: _decode_puts,
    Hypercall.POLL: _decode_poll,
    Hypercall.BLOCK_WRITE: _decode_block_write,
    Hypercall.BLOCK_READ: _decode_block_read,
    Hypercall.NET_WRITE: _decode_net_write,
    Hypercall.NET_READ: _decode_net_read,
    Hypercall.HALT: _decode_halt,
}


def _write_result(crossing: Crossing, result: Result, memory: CheckedMemory) -> None:
    match result:
        case ClockReading(ns):
            memory.write(crossing.answer_gpa, WALLTIME.pack(ns))
        case PollResult(ready_set):
            answer = POLL_ANSWER.pack(ready_set, ready_set.bit_count())
            memory.write(crossing.answer_gpa + POLL_ANSWER_AT, answer)
        case BlockData():
            _write_block_data(crossing, result, memory)
        case NetFrame():
            _write_net_frame(crossing, result, memory)
        case IoStatus(status):
            ret_at = BLOCK_RET_AT if isinstance(crossing.call, BlockWrite) else NET_RET_AT
            memory.write(crossing.answer_gpa + ret_at, RET.pack(status))
        case Done():
            pass
        case _:
            raise AssertionError(f"{crossing.call!r} came without its trapped instruction")


def _write_block_data(crossing: Crossing, result: BlockData, memory: CheckedMemory) -> None:
    if result.status == SOLO5_R_OK:
        wanted = crossing.call.length if isinstance(crossing.call, BlockRead) else 0
        if len(result.data) != wanted:
            why = f"{len(result.data)} bytes instead of {wanted}"
            raise BadAnswer(crossing.call, result, why)
        memory.write(crossing.buffer_gpa, result.data)
    memory.write(crossing.answer_gpa + BLOCK_RET_AT, RET.pack(result.status))


def _write_net_frame(crossing: Crossing, result: NetFrame, memory: CheckedMemory) -> None:
    if result.status != SOLO5_R_OK:
        memory.write(crossing.answer_gpa + NET_RET_AT, RET.pack(result.status))
        return
    room = crossing.call.length if isinstance(crossing.call, NetRead) else 0
    if len(result.data) > room:
        why = f"{len(result.data)} bytes, more than {room}"
        raise BadAnswer(crossing.call, result, why)
    memory.write(crossing.buffer_gpa, result.data)
    answer = NET_READ_ANSWER.pack(len(result.data), SOLO5_R_OK)
    memory.write(crossing.answer_gpa + NET_LEN_AT, answer)


def _bad_port(direction: str, port: int, size: int) -> Crossing:
    detail = f"invalid port access: {direction}, port={port:#x}, {size} bytes"
    return _misuse(MisuseKind.INVALID_ACCESS, detail)


def _unhandled(reason: str, rip: int) -> Crossing:
    return _misuse(MisuseKind.UNHANDLED_EXIT, f"unhandled exit: {reason}, rip={rip:#x}")


def _misuse(kind: MisuseKind, detail: str) -> Crossing:
    return Crossing(Misuse(kind, detail))
