"""One client's stream of bytes: what it asks for, and what goes back, with acknowledgements.

It reads no socket; bytes go in, and bytes and events come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from replay.gdbstub.protocol.framing import (
    ACK,
    NACK,
    InterruptAsked,
    Malformed,
    Packet,
    ResendAsked,
    Unframer,
    frame,
)
from replay.gdbstub.protocol.replies import error

_NO_ACKNOWLEDGEMENTS = b"QStartNoAckMode"
_REFUSAL = b"another debugger is connected to this replay; one at a time"


@dataclass(frozen=True, slots=True)
class Request:
    """A packet to be answered."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Interrupt:
    """What runs is to stop."""


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to be sent at once, whatever else goes on."""

    data: bytes


Event = Request | Interrupt | Send


class Connection:
    """The state of one client's stream."""

    def __init__(self) -> None:
        self._unframer = Unframer()
        self._acknowledges = True
        self._last = b""

    def receive(self, data: bytes) -> Iterator[Event]:
        """Take bytes of the client; what they ask for."""
        for item in self._unframer.feed(data):
            match item:
                case Packet(body):
                    if self._acknowledges:
                        yield Send(ACK)
                    if body == _NO_ACKNOWLEDGEMENTS:
                        self._acknowledges = False
                    yield Request(body)
                case Malformed(why, garbled):
                    if garbled and self._acknowledges:
                        yield Send(NACK)
                    else:  # it would not become better
                        yield Send((ACK if self._acknowledges else b"") + frame(error(why)))
                case InterruptAsked():
                    yield Interrupt()
                case ResendAsked() if self._acknowledges and self._last:
                    yield Send(self._last)

    def packet(self, data: bytes) -> bytes:
        """An answer as it travels."""
        self._last = frame(data)
        return self._last


def refusal() -> bytes:
    """What a client gets that comes while another one is there."""
    return ACK + frame(error(_REFUSAL.decode()))
