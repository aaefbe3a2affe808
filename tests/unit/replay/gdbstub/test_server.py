"""Real sockets: one client, Ctrl-C while the guest runs, and clients that disappear."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from replay.gdbstub.errors import CannotServe
from replay.gdbstub.protocol.framing import Packet, Unframer, frame
from replay.gdbstub.server import Address, Server
from tests.unit.replay.gdbstub.fakes import FakeRecording

PATIENCE_S = 20


class Client:
    """A debugger on a socket."""

    def __init__(self, address: Address) -> None:
        if address.path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE_S)
            self.socket.connect(address.path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", address.port), PATIENCE_S)
        self._unframer = Unframer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, packet: bytes) -> None:
        self.socket.sendall(frame(packet))

    def receive(self) -> bytes | None:
        """The next packet; None when the other side is gone."""
        while data := self.socket.recv(1 << 16):
            for item in self._unframer.feed(data):
                assert isinstance(item, Packet)
                return item.data
        return None

    def ask(self, packet: bytes) -> bytes | None:
        self.send(packet)
        return self.receive()


class Waiting(FakeRecording):
    """Runs for ever, until somebody interrupts it."""

    def __init__(self) -> None:
        super().__init__()
        self.running = threading.Event()
        self.interrupted = threading.Event()
        self.on_run = self._wait

    def interrupt(self) -> None:
        super().interrupt()
        self.interrupted.set()

    def _wait(self) -> None:
        self.running.set()
        assert self.interrupted.wait(PATIENCE_S)
        self.interrupted.clear()


@contextlib.contextmanager
def serving(
    guest: FakeRecording, address: Address | None = None, *, once: bool = False
) -> Iterator[tuple[Server, list[str]]]:
    said: list[str] = []
    server = Server(guest, address or Address(), said.append)
    thread = threading.Thread(target=lambda: server.serve(once=once), daemon=True)
    thread.start()
    try:
        yield server, said
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        server.close()


def test_a_port_is_chosen_and_served_on_this_host_alone() -> None:
    with serving(FakeRecording()) as (server, _), Client(server.address) as client:
        assert server.address.port
        assert str(server.address) == f"127.0.0.1:{server.address.port}"
        assert client.ask(b"qC") == b"QC1"


def test_a_unix_socket_is_for_its_owner_alone_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    with serving(FakeRecording(), Address(path=str(path))) as (server, _):
        assert path.stat().st_mode & 0o777 == 0o600
        with Client(server.address) as client:
            assert client.ask(b"qC") == b"QC1"
    assert not path.exists()


def test_an_address_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for address in (Address(path=str(tmp_path / "file")), Address(path=str(tmp_path / "a" / "b"))):
        with pytest.raises(CannotServe):
            Server(FakeRecording(), address, print)
    with serving(FakeRecording()) as (server, _), pytest.raises(CannotServe):
        Server(FakeRecording(), server.address, print)


def test_clients_come_one_after_the_other() -> None:
    guest = FakeRecording()
    with serving(guest) as (server, _):
        for _ in range(3):
            with Client(server.address) as client:
                assert client.ask(b"Z0,1005,1") == b"OK"
                assert client.ask(b"D") == b"OK"
                assert client.receive() is None
    assert guest.log == ["detach"] * 3


def test_a_second_client_is_refused_clearly() -> None:
    with serving(FakeRecording()) as (server, said), Client(server.address) as first:
        assert first.ask(b"qC") == b"QC1"
        with Client(server.address) as second:
            assert (second.receive() or b"").startswith(b"E.another debugger is connected")
            assert second.receive() is None
        assert said == ["a second debugger was refused: one is connected"]
        assert first.ask(b"qC") == b"QC1"


def test_ctrl_c_stops_what_runs() -> None:
    guest = Waiting()
    with serving(guest) as (server, _), Client(server.address) as client:
        for packet in (b"vCont;c", b"bc"):
            client.send(packet)
            assert guest.running.wait(PATIENCE_S)
            guest.running.clear()
            client.socket.sendall(b"\x03")
            assert (client.receive() or b"").startswith(b"T02")


def test_ctrl_c_between_two_of_many_steps_is_for_the_next() -> None:
    with serving(FakeRecording()) as (server, _), Client(server.address) as client:
        assert client.ask(b"qC") == b"QC1"
        client.socket.sendall(b"\x03")
        assert (client.ask(b"vCont;s") or b"").startswith(b"T02")
        assert (client.ask(b"vCont;s") or b"").startswith(b"T05")


def test_an_interrupt_that_comes_too_early_is_asked_for_again() -> None:
    """The client's 0x03 may be read before the run that it is for has begun."""
    guest = Waiting()
    early = threading.Event()
    wait = guest.on_run

    def slow_start() -> None:
        assert early.wait(PATIENCE_S)
        guest.log.clear()
        guest.interrupted.clear()
        wait()

    guest.on_run = slow_start
    with serving(guest) as (server, _), Client(server.address) as client:
        client.socket.sendall(frame(b"vCont;c") + b"\x03")
        assert guest.interrupted.wait(PATIENCE_S)
        early.set()
        assert (client.receive() or b"").startswith(b"T02")


@pytest.mark.parametrize("last_words", [b"", b"$m0,", b"+", frame(b"vCont;c")])
def test_a_client_that_disappears_leaves_a_stub_that_goes_on(last_words: bytes) -> None:
    guest = Waiting()
    with serving(guest) as (server, _):
        with Client(server.address) as client:
            assert client.ask(b"Z0,1005,1") == b"OK"
            client.socket.sendall(last_words)
            if last_words == frame(b"vCont;c"):
                assert guest.running.wait(PATIENCE_S)
        with Client(server.address) as client:
            assert client.ask(b"qC") == b"QC1"
            assert "detach" in guest.log


def test_once_means_one_client() -> None:
    guest = FakeRecording()
    server = Server(guest, Address(), print)
    thread = threading.Thread(target=lambda: server.serve(once=True), daemon=True)
    thread.start()
    with Client(server.address) as client:
        assert client.ask(b"qC") == b"QC1"
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    server.close()


def test_stopping_ends_a_run() -> None:
    guest = Waiting()
    with serving(guest) as (server, _), Client(server.address) as client:
        client.send(b"vCont;c")
        assert guest.running.wait(PATIENCE_S)
    assert guest.log[-1] == "detach"


def test_a_client_that_takes_no_answers_does_not_keep_the_stub() -> None:
    with serving(FakeRecording()) as (server, _), Client(server.address) as client:
        assert client.ask(b"QStartNoAckMode") == b"OK"
        for _ in range(200):
            client.send(b"m0,4000")  # 200 answers of 32 KiB, more than any socket holds
        server.stop()


def test_damaged_packets_are_answered() -> None:
    with serving(FakeRecording()) as (server, _), Client(server.address) as client:
        assert client.ask(b"QStartNoAckMode") == b"OK"
        client.socket.sendall(b"$qC#00")
        assert (client.receive() or b"").startswith(b"E.a packet with the checksum")
        assert client.ask(b"qC") == b"QC1"
