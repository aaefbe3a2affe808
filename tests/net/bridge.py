"""A wire that loses and reorders frames, between a client's TAP interface and a guest's.

It does the work of `tc netem`, which many kernels are built without, and draws all decisions from a
seed: the same frames in the same order have the same fate.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import socket
import struct
import threading
from dataclasses import dataclass, field

from tests.net.namespace import Namespace

_ETH_P_ALL = 0x0003
_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TAP_NO_PI = 0x1002
_FRAME_MAX = 65536
_HELD_MS = 5
"""How long a frame waits for others to overtake it."""


@dataclass
class Impairment:
    """One direction: the fate of each frame that goes that way. Rates are 0..1."""

    seed: int
    loss: float = 0.0
    reordering: float = 0.0
    lost: int = 0
    overtaken: int = 0
    _held: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def pass_on(self, frame: bytes) -> list[bytes]:
        """The frames that arrive when this one comes, in their order."""
        fate, overtakers = self._random.random(), self._random.randint(1, 4)
        if frame[12:14] != b"\x08\x00":
            return [frame]
        self._held = [(left - 1, held) for left, held in self._held]
        due = [held for left, held in self._held if left <= 0]
        self._held = [(left, held) for left, held in self._held if left > 0]
        if fate < self.loss:
            self.lost += 1
            return due
        if fate < self.loss + self.reordering:
            self.overtaken += 1
            self._held.append((overtakers, frame))
            return due
        return [frame, *due]

    @property
    def fate(self) -> str:
        """What became of frames, in words."""
        return f"{self.lost} lost, {self.overtaken} overtaken"

    def flush(self) -> list[bytes]:
        """The frames that nothing came to overtake."""
        held, self._held = self._held, []
        return [frame for _, frame in held]


class LossyWire:
    """A running wire between the interfaces ``client`` and ``guest`` of a namespace, both TAPs:
    the guest's is attached by its recorder, the client's by us."""

    def __init__(
        self,
        namespace: Namespace,
        client: str,
        guest: str,
        *,
        to_guest: Impairment,
        from_guest: Impairment,
    ) -> None:
        self._to_guest, self._from_guest = to_guest, from_guest
        self._client_fd = namespace.run(_attach, client)
        self._socket = namespace.run(_listen, guest)
        self._stop_fd, self._stop_write_fd = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cut the wire."""
        os.write(self._stop_write_fd, b"x")
        self._thread.join()
        self._socket.close()
        for fd in (self._client_fd, self._stop_fd, self._stop_write_fd):
            os.close(fd)

    def _carry(self) -> None:
        while True:
            readable, _, _ = select.select(
                (self._client_fd, self._socket, self._stop_fd), (), (), _HELD_MS / 1000
            )
            if self._stop_fd in readable:
                return
            if self._client_fd in readable:
                frame = os.read(self._client_fd, _FRAME_MAX)
                self._send_to_guest(self._to_guest.pass_on(frame))
            if self._socket in readable:
                self._take_from_guest()
            if not readable:
                self._send_to_guest(self._to_guest.flush())
                self._send_to_client(self._from_guest.flush())

    def _take_from_guest(self) -> None:
        frame, address = self._socket.recvfrom(_FRAME_MAX)
        if address[2] != socket.PACKET_OUTGOING:
            self._send_to_client(self._from_guest.pass_on(frame))

    def _send_to_guest(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._socket.send(frame)

    def _send_to_client(self, frames: list[bytes]) -> None:
        for frame in frames:
            os.write(self._client_fd, frame)


def _attach(interface: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", interface.encode(), _IFF_TAP_NO_PI))
    return fd


def _listen(interface: str) -> socket.socket:
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    listener.bind((interface, 0))
    return listener
