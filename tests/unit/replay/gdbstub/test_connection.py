"""One client's stream, with and without acknowledgements."""

from __future__ import annotations

from replay.gdbstub.connection import Connection, Event, Interrupt, Request, Send, refusal
from replay.gdbstub.protocol.framing import Packet, Unframer, frame


def events(connection: Connection, data: bytes) -> list[Event]:
    return list(connection.receive(data))


def test_packets_are_acknowledged_until_the_client_wants_no_more() -> None:
    connection = Connection()
    assert events(connection, frame(b"?")) == [Send(b"+"), Request(b"?")]
    start = frame(b"QStartNoAckMode")
    assert events(connection, start) == [Send(b"+"), Request(b"QStartNoAckMode")]
    assert events(connection, b"+" + frame(b"?")) == [Request(b"?")]


def test_what_is_damaged_is_asked_for_again() -> None:
    connection = Connection()
    assert events(connection, b"$?#00") == [Send(b"-")]
    events(connection, frame(b"QStartNoAckMode"))
    (answer,) = events(connection, b"$?#00")
    assert answer == Send(frame(b"E.a packet with the checksum 3f said to be 00"))


def test_what_would_not_become_better_is_answered() -> None:
    connection = Connection()
    (answer,) = events(connection, b"$}#7d")
    assert answer == Send(b"+" + frame(b"E.a packet with a broken escape or run"))
    events(connection, frame(b"QStartNoAckMode"))
    (answer,) = events(connection, b"$}#7d")
    assert answer == Send(frame(b"E.a packet with a broken escape or run"))


def test_the_last_answer_is_sent_again() -> None:
    connection = Connection()
    assert events(connection, b"-") == []
    assert connection.packet(b"OK") == b"$OK#9a"
    assert events(connection, b"-") == [Send(b"$OK#9a")]
    events(connection, frame(b"QStartNoAckMode"))
    assert events(connection, b"-") == []


def test_an_interrupt() -> None:
    assert events(Connection(), b"\x03") == [Interrupt()]


def test_a_refusal_is_an_answer_to_whatever_comes_first() -> None:
    (packet,) = Unframer().feed(refusal())
    assert packet == Packet(b"E.another debugger is connected to this replay; one at a time")
