"""Sockets for the stub: one client at a time, and an ear open for it while the guest runs.

One thread listens, reads and hears Ctrl-C; packets are answered in the thread of ``serve``, which
is the only one that touches the guest. A client that disappears, in the middle of a packet or of a
run, leaves a stub that waits for the next.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from replay.gdbstub.connection import Connection, Interrupt, Request, Send, refusal
from replay.gdbstub.errors import CannotServe
from replay.gdbstub.stub import Stub
from replay.gdbstub.target import Target

LOOPBACK = "127.0.0.1"
_RECEIVE_BYTES = 1 << 16
_READS_MAX = 16
_REPEAT_S = 0.05
"""How often an interrupt is asked for again: one that comes before a run is without effect."""
_SOCKET_MODE = 0o177


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP port of this host alone (0: any free one), or a Unix socket's path."""

    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """As gdb's ``target extended-remote`` takes it."""
        return self.path or f"{LOOPBACK}:{self.port}"


@dataclass(slots=True)
class _Client:
    """Who is connected. ``asked`` is counted where it is read, ``answered`` where it is served."""

    socket: socket.socket
    connection: Connection
    sending: threading.Lock
    asked: int = 0
    answered: int = 0
    interrupted: bool = False
    gone: bool = False

    @property
    def busy(self) -> bool:
        """Whether a packet is being answered."""
        return self.asked > self.answered

    def take_interrupt(self) -> bool:
        """Whether an interrupt was asked for, which is thereby done."""
        asked, self.interrupted = self.interrupted, False
        return asked

    def send(self, data: bytes) -> None:
        """Raises OSError for a client that is gone."""
        with self.sending:
            self.socket.sendall(data)


class Server:
    """Serves one target. Close it when done."""

    def __init__(self, target: Target, address: Address, say: Callable[[str], None]) -> None:
        """Listens from now on; raises ``CannotServe``. ``say`` takes messages for people."""
        self._target = target
        self._say = say
        self._listener = _listen(address)
        port = 0 if address.path else self._listener.getsockname()[1]
        self.address = Address(port, address.path)
        self._requests: queue.SimpleQueue[tuple[_Client, bytes | None] | None] = queue.SimpleQueue()
        self._client: _Client | None = None
        self._waker, self._woken = socket.socketpair()
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._listen_on, name="gdb client", daemon=True)

    def serve(self, *, once: bool = False) -> None:
        """Answer one client after the other until ``stop`` (``once``: until the first leaves)."""
        self._thread.start()
        stub: Stub | None = None
        while (request := self._requests.get()) is not None:
            client, data = request
            if data is not None:
                stub = stub or Stub(self._target, client.take_interrupt)
                self._answer(client, stub, data)
                continue
            if stub is not None:
                stub.client_left()
                stub = None
            if once:
                return

    def stop(self) -> None:
        """Make ``serve`` return soon; from any thread, and more than once."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def close(self) -> None:
        """Give the sockets back; ``serve`` has returned."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()
        for each in (self._listener, self._waker, self._woken):
            each.close()
        self._selector.close()
        if self.address.path:
            Path(self.address.path).unlink(missing_ok=True)

    # ---- the thread of ``serve``

    def _answer(self, client: _Client, stub: Stub, data: bytes) -> None:
        replies = [] if client.gone else stub.answer(data)
        client.answered += 1
        with contextlib.suppress(OSError):  # a client that is gone is noticed where it is read
            for reply in replies:
                client.send(client.connection.packet(reply))
            if stub.leaving:
                client.socket.shutdown(socket.SHUT_RDWR)

    # ---- the listening thread

    def _listen_on(self) -> None:
        try:
            while not self._stopping:
                self._listen_once()
        finally:
            if self._client is not None:
                self._lose(self._client)
            self._requests.put(None)

    def _listen_once(self) -> None:
        client = self._client
        is_asked = client is not None and client.interrupted and client.busy
        ready = {key.fileobj for key, _ in self._selector.select(_REPEAT_S if is_asked else None)}
        if client is not None and client.socket in ready:
            self._read(client)
        if self._listener in ready:
            self._accept()
        if client is not None and client.interrupted and client.busy:
            self._target.interrupt()

    def _accept(self) -> None:
        try:
            arrived, _ = self._listener.accept()
        except OSError:  # it has gone again
            return
        self._read_what_is_there()
        if self._client is not None:
            self._say("a second debugger was refused: one is connected")
            with contextlib.suppress(OSError), arrived:
                arrived.sendall(refusal())
            return
        if arrived.family == socket.AF_INET:
            arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = _Client(arrived, Connection(), threading.Lock())
        self._selector.register(arrived, selectors.EVENT_READ)

    def _read_what_is_there(self) -> None:
        """The client may be gone, behind its last words."""
        client = self._client
        for _ in range(_READS_MAX):
            if client is None or client.gone or not select.select([client.socket], [], [], 0)[0]:
                return
            self._read(client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(_RECEIVE_BYTES)
            for event in client.connection.receive(data):
                self._take(client, event)
        except OSError:
            data = b""
        if not data:
            self._lose(client)

    def _take(self, client: _Client, event: Request | Interrupt | Send) -> None:
        match event:
            case Request(body):
                client.asked += 1
                self._requests.put((client, body))
            case Interrupt():
                client.interrupted = True
            case Send(data):
                client.send(data)

    def _lose(self, client: _Client) -> None:
        """The client is gone; what it had begun is of no use any more."""
        client.gone = True
        self._selector.unregister(client.socket)
        with contextlib.suppress(OSError):  # an answer that it does not take is not waited for
            client.socket.shutdown(socket.SHUT_RDWR)
        self._client = None
        self._requests.put((client, None))
        while client.busy:
            self._target.interrupt()
            time.sleep(_REPEAT_S)
        client.socket.close()


def _listen(address: Address) -> socket.socket:
    family = socket.AF_UNIX if address.path else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if address.path:
            with _umask(_SOCKET_MODE):
                listener.bind(address.path)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, address.port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen at {address}: {error.strerror or error}") from error
    return listener


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Files are made with these rights taken away."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
