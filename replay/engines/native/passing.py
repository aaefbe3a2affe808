"""Passing a descriptor into a running child, which takes it with a remote call."""

from __future__ import annotations

import os
import socket
import struct

from replay.engines.native.child import Child

SYS_RECVMSG = 47
_HEADER_BYTES = 64
_DATA_AT, _MESSAGE_AT, _ALL_BYTES = 96, 128, 160
_MESSAGE_BYTES = 24
_HEADER = struct.Struct("<QIxxxxQQQQixxxx")  # struct msghdr: name, iov, control, flags
_VECTOR = struct.Struct("<QQ")  # struct iovec
_MESSAGE = struct.Struct("<Qiii")  # struct cmsghdr, and one descriptor behind it


def send_descriptor(ours: int, descriptor: int) -> None:
    """Put ``descriptor`` into a pair of sockets of which ``ours`` is one."""
    with socket.socket(fileno=os.dup(ours)) as pair:
        socket.send_fds(pair, [b"d"], [descriptor])


def receive_descriptor(child: Child, number: int) -> int:
    """Have ``child`` take a descriptor from its socket ``number``; returns what it is there.

    Raises OSError where there is none.
    """
    at = child.scratch
    header = _HEADER.pack(0, 0, at + _HEADER_BYTES, 1, at + _MESSAGE_AT, _MESSAGE_BYTES, 0)
    vector = _VECTOR.pack(at + _DATA_AT, 1)
    child.write(at, header.ljust(_HEADER_BYTES, b"\0") + vector)
    child.call(SYS_RECVMSG, number, at, 0)
    _, _, _, descriptor = _MESSAGE.unpack(child.read(at + _MESSAGE_AT, _MESSAGE.size))
    child.write(at, bytes(_ALL_BYTES))
    return int(descriptor)
