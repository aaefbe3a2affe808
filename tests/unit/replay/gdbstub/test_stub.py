"""Packets in, packets out: transcripts of the stub over a guest of a hundred instructions."""

from __future__ import annotations

import pytest

from monitors.calls.lifecycle import MisuseKind
from replay.gdbstub.errors import Refused
from replay.gdbstub.registers import REGISTERS, number_of
from replay.gdbstub.stub import Stub
from replay.machine.ending import Halted, Misused
from tests.unit.replay.gdbstub.fakes import CODE, COUNTER, LENGTH, FakeGuest, FakeRecording


class Client:
    """Talks to a stub."""

    def __init__(self, guest: FakeGuest | None = None) -> None:
        self.guest = guest or FakeRecording()
        self.stub = Stub(self.guest)

    def ask(self, packet: str) -> str:
        (reply,) = self.stub.answer(packet.encode())
        return reply.decode()

    def refused(self, packet: str) -> str:
        """What the client's user is told about a journey that failed."""
        told, stop = self.stub.answer(packet.encode())
        assert stop.startswith(b"T05")
        assert told.startswith(b"O")
        return bytes.fromhex(told[1:].decode()).decode()

    def stop(self, packet: str) -> str:
        """A stop reply without the registers that every one has."""
        reply = self.ask(packet)
        rip = (CODE + self.guest.at).to_bytes(8, "little").hex()
        registers = f"06:{2:02x}{'00' * 7};07:{3:02x}{'00' * 7};10:{rip};thread:1;"
        assert registers in reply
        return reply.replace(registers, " ")


@pytest.fixture
def client() -> Client:
    return Client()


def test_what_is_not_known_is_answered_by_nothing(client: Client) -> None:
    for packet in ("vMustReplyEmpty", "qTStatus", "qOffsets", "jThreadsInfo", "QNonStop:0", ""):
        assert client.ask(packet) == ""


def test_what_makes_no_sense_is_answered_by_an_error(client: Client) -> None:
    assert client.ask("mzz,1").startswith("E.not a hexadecimal number")


def test_the_first_stop_is_plain(client: Client) -> None:
    assert client.ask("!") == "OK"
    assert client.stop("?") == "T05 "


def test_threads_are_listed_for_those_who_ask(client: Client) -> None:
    assert client.ask("QListThreadsInStopReply") == "OK"
    assert client.ask("?").endswith("thread:1;threads:1;")


def test_registers(client: Client) -> None:
    everything = client.ask("g")
    assert len(everything) == 2 * sum(each.size for each in REGISTERS)
    assert everything.startswith(f"01{'00' * 7}{'xx' * 8}")
    assert client.ask("p10") == f"0010{'00' * 6}"
    assert client.ask(f"p{number_of('eflags'):x}") == "02020000"
    assert client.ask(f"p{number_of('fop'):x}") == "00000000"
    assert client.ask("pff").startswith("E.")


def test_changing_registers(client: Client) -> None:
    assert client.ask("P10=0020000000000000") == "OK"
    assert client.guest.changes == {"rip": 0x2000}
    assert client.ask("P10=00").startswith("E.")
    assert client.ask("Pff=00").startswith("E.")
    assert client.ask("G" + "07" + "00" * 7) == "OK"
    assert client.guest.changes == {"rip": 0x2000, "rax": 7}


def test_writing_what_is_there_changes_nothing(client: Client) -> None:
    client.guest.changes = {}
    assert client.ask(f"G{client.ask('g').replace('x', '0')}") == "OK"
    assert client.ask("M3000,2:0000") == "OK"
    assert client.ask("X3000,0:") == "OK"
    assert client.guest.changes == {}


def test_memory(client: Client) -> None:
    assert client.ask("M3000,3:010203") == "OK"
    assert client.ask("m3000,4") == "01020300"
    assert client.ask("x3000,2") == "b\x01\x02"
    assert client.ask("x0,0") == "b"
    assert client.ask("M4000,1:01") == "E.no memory at 0x4000"


def test_memory_is_read_as_far_as_it_goes(client: Client) -> None:
    assert client.ask("m2ff0,ffff") == "00" * 0x1010
    assert client.ask("m4000,1") == "E01"
    assert client.ask("mffffffffffffffff,8") == "E01"


def test_steps_and_both_ends_of_the_log(client: Client) -> None:
    assert client.stop("vCont;s:1;c") == "T05 "
    assert client.guest.at == 1
    assert client.stop("bs") == "T05 "
    assert client.stop("bs") == "T05 replaylog:begin;"
    assert client.stop("vCont;c") == "T05 replaylog:end;"
    assert client.stop("vCont;c") == "T05 replaylog:end;"
    assert client.stop("bc") == "T05 replaylog:begin;"


def test_a_range_is_stepped_through(client: Client) -> None:
    assert client.stop(f"vCont;r{CODE:x},{CODE + 5:x}:1;c") == "T05 "
    assert client.guest.at == 5


def test_breakpoints_stop_in_both_directions(client: Client) -> None:
    assert client.ask(f"Z0,{CODE + 10:x},1") == "OK"
    assert client.ask(f"Z1,{CODE + 20:x},1") == "OK"
    assert client.stop("vCont;c") == "T05 swbreak:;"
    assert client.stop("vCont;c") == "T05 hwbreak:;"
    assert client.stop("bc") == "T05 swbreak:;"
    assert client.ask(f"z0,{CODE + 10:x},1") == "OK"
    assert client.stop("bc") == "T05 replaylog:begin;"


def test_a_condition_is_asked_at_the_place(client: Client) -> None:
    load_counter = f"23{COUNTER:04x}1722" + "0a1327"  # [COUNTER] == 10
    client.ask(f"Z0,{CODE + 9:x},1;X8,{load_counter}")
    client.ask(f"Z0,{CODE + 10:x},1;X8,{load_counter}")
    assert client.stop("vCont;c") == "T05 swbreak:;"
    assert client.guest.at == 10


def test_watchpoints(client: Client) -> None:
    assert client.ask(f"Z3,{COUNTER:x},8") == "OK"
    assert client.stop("vCont;c") == "T05 replaylog:end;"
    assert client.ask(f"Z2,{COUNTER:x},8") == "OK"
    assert client.stop("bc") == f"T05 watch:{COUNTER:x};"
    assert client.ask(f"z2,{COUNTER:x},8") == "OK"
    assert client.ask(f"Z4,{COUNTER:x},1") == "OK"
    assert client.stop("s") == f"T05 awatch:{COUNTER:x};"
    assert client.ask(f"Z2,{COUNTER:x},0").startswith("E.a watchpoint is on 1 to")


def test_an_interrupt_is_a_signal(client: Client) -> None:
    client.guest.on_run = client.guest.interrupt
    assert client.stop("vCont;c") == "T02 "


def test_an_interrupt_counts_where_no_other_stop_is_met() -> None:
    guest = FakeRecording()
    stub = Stub(guest, lambda: True)
    stub.answer(f"Z0,{CODE + 2:x},1".encode())
    assert stub.answer(b"vCont;s")[0].startswith(b"T02")
    assert b"swbreak" in stub.answer(b"vCont;c")[0]


@pytest.mark.parametrize(
    ("ending", "signal"),
    [
        (Misused(MisuseKind.SEGMENTATION_FAULT, ""), "T0b "),
        (Misused(MisuseKind.ILLEGAL_INSTRUCTION, ""), "T04 "),
        (Halted(255), "T06 "),
    ],
)
def test_a_fault_is_told_once(client: Client, ending: Halted | Misused, signal: str) -> None:
    client.guest.ending = ending
    assert client.stop("vCont;c") == signal
    assert client.guest.at == LENGTH
    assert client.stop("vCont;C0b:1") == "T05 replaylog:end;"
    assert client.stop("?") == signal
    assert client.stop("bs") == "T05 "
    assert client.stop("c") == signal


def test_a_live_guest_does_not_go_back() -> None:
    client = Client(FakeGuest())
    assert client.refused("bc").startswith("a live guest cannot go back")
    assert client.refused("bs").startswith("a live guest cannot go back")
    assert client.ask("vRun;").startswith("E.a live guest cannot go back")


@pytest.mark.parametrize(
    ("ending", "replies"),
    [(Halted(0x103), ["W03"]), (Misused(MisuseKind.INVALID_ACCESS, "far away"), ["T0b", "X0b"])],
)
def test_a_live_guest_ends_as_a_process_does(ending: Halted | Misused, replies: list[str]) -> None:
    client = Client(FakeGuest())
    client.guest.ending = ending
    assert client.ask("qfThreadInfo") == "m1"
    for reply in (*replies, replies[-1]):
        assert client.ask("vCont;c")[:3] == reply
    assert client.ask("qfThreadInfo") == "l"
    assert "<thread " not in client.ask("qXfer:threads:read::0,1000")


def test_a_journey_that_fails_is_told_and_over(client: Client) -> None:
    """gdb answers an error to a resumption by resuming again, without an end."""

    def fail() -> None:
        raise Refused("no way")

    client.guest.on_run = fail
    for packet in ("vCont;c", "vCont;s", "vCont;r1000,1010", "bc", "bs", "c", "s"):
        assert client.refused(packet) == "no way\n"


def test_running_again_goes_to_a_place(client: Client) -> None:
    assert client.stop(f"vRun;;{b'42'.hex()}") == "T05 "
    assert client.guest.at == 42
    assert client.stop("vCont;c") == "T05 "  # gdb's `run` goes on by itself
    assert client.guest.at == 42
    assert client.stop("vCont;s") == "T05 "
    assert client.guest.at == 43
    assert client.stub.answer(b"R00") == []
    assert client.guest.at == 0
    assert client.ask(f"vRun;;{b'nowhere'.hex()}") == "E.there is no such place"


def test_a_kill_ends_nothing_but_the_clients_idea_of_it(client: Client) -> None:
    assert client.ask("vKill;1") == "OK"
    assert client.ask("?") == "W00"
    assert not client.stub.leaving
    assert client.stop("vRun;") == "T05 "
    assert client.stop("?") == "T05 "


def test_leaving(client: Client) -> None:
    client.ask(f"Z0,{CODE + 1:x},1")
    assert client.ask("D") == "OK"
    assert client.stub.leaving
    client.stub.client_left()
    assert client.guest.log == ["detach"]
    assert client.stop("vCont;c") == "T05 replaylog:end;"
    other = Client()
    assert other.stub.answer(b"k") == []
    assert other.stub.leaving


def test_commands_are_answered_as_text(client: Client) -> None:
    line = b"when".hex()
    assert client.stub.answer(f"qRcmd,{line}".encode()) == [b"O" + b"WHEN\n".hex().encode(), b"OK"]
    assert client.stub.answer(b"qRcmd,") == [b"OK"]


def test_a_call_of_a_function_is_taken_back(client: Client) -> None:
    assert isinstance(client.guest, FakeRecording)
    assert client.ask("qXfer:siginfo:read::0,1000").startswith("l")
    assert client.guest.calls == 1
    client.ask("P10=0020000000000000")
    assert client.ask("qXfer:siginfo:write::0:abc") == "3"
    assert client.guest.calls == 0
    assert client.guest.changes == {}


def test_threads(client: Client) -> None:
    assert client.ask("Hg1") == "OK"
    assert client.ask("Hc-1") == "OK"
    assert client.ask("T1") == "OK"
    assert client.ask("T2").startswith("E.")


def test_the_actions_for_vcont(client: Client) -> None:
    assert client.ask("vCont?") == "vCont;c;C;s;S;r"


def test_files_are_asked_for_through_the_stub(client: Client) -> None:
    path = b"/fa_ke.hvt".hex()
    assert client.ask(f"vFile:open:{path},0,1c0") == "F3"
    assert client.ask("vFile:pread:3,1000,0") == "F4;\x7fELF"
