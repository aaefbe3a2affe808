from __future__ import annotations

import os
import socket

import pytest

from replay.engines.native.child import FIRST_DESCRIPTOR, Child
from replay.engines.native.passing import receive_descriptor, send_descriptor

SYS_WRITE = 1


def test_a_descriptor_arrives_and_works() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    read, write = os.pipe()
    with ours, theirs:
        child = Child([theirs.fileno()])
        try:
            send_descriptor(ours.fileno(), write)
            number = receive_descriptor(child, FIRST_DESCRIPTOR)
            child.write(child.scratch, b"hello")
            assert child.call(SYS_WRITE, number, child.scratch, 5) == 5
            assert os.read(read, 9) == b"hello"
        finally:
            child.close()
            os.close(read)
            os.close(write)


def test_a_wrong_socket_is_an_error() -> None:
    child = Child([])
    try:
        with pytest.raises(OSError):
            receive_descriptor(child, FIRST_DESCRIPTOR)
    finally:
        child.close()
