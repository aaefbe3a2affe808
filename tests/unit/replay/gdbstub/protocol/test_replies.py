"""Answers as bytes."""

from __future__ import annotations

from replay.gdbstub.protocol.framing import frame_length
from replay.gdbstub.protocol.replies import (
    Signal,
    error,
    exited,
    file_data,
    file_opened,
    file_status,
    output,
    part,
    stopped,
)


def test_an_error_is_one_line() -> None:
    assert error("no\n  such thing") == b"E.no such thing"


def test_a_stop_reply() -> None:
    fields = [("10", "00ff"), ("thread", "1"), ("swbreak", "")]
    assert stopped(Signal.TRAP, fields) == b"T0510:00ff;thread:1;swbreak:;"
    assert stopped(Signal.SEGV, []) == b"T0b"


def test_an_exit() -> None:
    assert exited(-1) == b"Wff"


def test_output_comes_in_pieces() -> None:
    text = "ä" + "x" * 20_000
    packets = output(text)
    assert len(packets) == 3
    assert b"".join(bytes.fromhex(each[1:].decode()) for each in packets) == text.encode()
    assert output("") == []


def test_pieces_of_an_object() -> None:
    assert part(b"abcdef", 0, 4) == b"mabcd"
    assert part(b"abcdef", 4, 4) == b"lef"
    assert part(b"abcdef", 6, 4) == b"l"
    assert part(b"abcdef", 99, 4) == b"l"
    assert part(b"", 0, 4) == b"l"


def test_file_data_fits_into_a_packet_with_its_escapes() -> None:
    for data in (b"a" * 1000, b"}" * 1000, b"a}" * 500):
        reply = file_data(data, 300)
        assert frame_length(reply) <= 300
        head, _, sent = reply.partition(b";")
        assert int(head[1:], 16) == len(sent) > 100
        assert data.startswith(sent)
    assert file_data(b"", 300) == b"F0;"


def test_a_file_status_has_64_bytes() -> None:
    head, _, data = file_status(0x12345).partition(b";")
    assert head == b"F40"
    assert len(data) == 64
    assert int.from_bytes(data[28:36], "big") == 0x12345
    assert int.from_bytes(data[8:12], "big") == 0o100444


def test_descriptors() -> None:
    assert file_opened(0) == b"F0"
