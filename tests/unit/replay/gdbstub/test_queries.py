"""What a client may ask about guest and stub."""

from __future__ import annotations

from replay.gdbstub.guest_file import GuestFile
from replay.gdbstub.protocol.commands import Query, ReadObject, WriteObject
from replay.gdbstub.queries import Queries
from tests.unit.replay.gdbstub.fakes import MEMORY, FakeGuest, FakeRecording


def queries(guest: FakeGuest) -> Queries:
    return Queries(guest, GuestFile(guest.guest_name, guest.guest_file))


def asked(name: str, argument: str = "", guest: FakeGuest | None = None) -> str:
    return queries(guest or FakeRecording()).answer(Query(name, argument)).decode()


def read(name: str, annex: str = "", guest: FakeGuest | None = None) -> bytes:
    return queries(guest or FakeRecording()).read(ReadObject(name, annex, 0, 0x8000))


def features(guest: FakeGuest) -> set[str]:
    return set(asked("qSupported", "multiprocess+", guest).split(";"))


def test_features_follow_what_the_target_can() -> None:
    replay, live = features(FakeRecording()), features(FakeGuest(elf=None))
    assert {"PacketSize=100000", "swbreak+", "ConditionalBreakpoints+", "QStartNoAckMode+"} <= live
    assert replay - live == {
        *("ReverseStep+", "ReverseContinue+", "qXfer:siginfo:read+", "qXfer:siginfo:write+"),
        "qXfer:exec-file:read+",
    }
    assert not live - replay


def test_one_thread() -> None:
    assert asked("qC") == "QC1"
    assert asked("qfThreadInfo") == "m1"
    assert asked("qsThreadInfo") == "l"
    assert bytes.fromhex(asked("qThreadExtraInfo", "1")) == b"folder/fa ke.hvt"
    assert asked("qAttached") == "1"


def test_names_from_strangers_are_harmless() -> None:
    guest = FakeRecording()
    guest.guest_name = "a\x1b[31m\nb"
    assert bytes.fromhex(asked("qThreadExtraInfo", "1", guest)) == b"a?[31m?b"
    assert b'name="a?[31m?b"' in read("threads", "", guest)


def test_what_lldb_asks() -> None:
    triple = b"x86_64-unknown-unknown-elf".hex()
    assert asked("qHostInfo") == f"triple:{triple};endian:little;ptrsize:8;"
    assert asked("qProcessInfo").startswith("pid:1;triple:")
    assert asked("QThreadSuffixSupported") == "OK"
    assert asked("qMemoryRegionInfo", "1000") == f"start:0;size:{MEMORY:x};permissions:rwx;"
    assert asked("qMemoryRegionInfo", f"{MEMORY:x}") == f"start:4000;size:{(1 << 64) - MEMORY:x};"
    assert asked("qMemoryRegionInfo", "zz") == "E01"


def test_objects() -> None:
    assert b"org.gnu.gdb.i386.core" in read("features", "target.xml")
    assert read("features", "other.xml").startswith(b"E.")
    assert f'length="{MEMORY:#x}"'.encode() in read("memory-map")
    assert b"<thread id=" in read("threads")
    assert read("exec-file", "1") == b"l/fa_ke.hvt"
    assert read("exec-file", "1", FakeGuest(elf=None)).startswith(b"E.")
    assert read("auxv") == b""


def test_objects_come_in_pieces() -> None:
    asking = queries(FakeRecording())
    whole = asking.read(ReadObject("features", "target.xml", 0, 0x8000))[1:]
    pieces, at = b"", 0
    while True:
        piece = asking.read(ReadObject("features", "target.xml", at, 100))
        pieces, at = pieces + piece[1:], at + len(piece) - 1
        if piece[:1] == b"l":
            break
    assert pieces == whole


def test_the_signal_is_for_those_who_can_call_functions() -> None:
    guest = FakeRecording()
    asking = queries(guest)
    assert len(asking.read(ReadObject("siginfo", "", 0, 0x1000))) == 129
    assert asking.read(ReadObject("siginfo", "", 128, 0x1000)) == b"l"
    assert guest.calls == 1
    assert asking.write(WriteObject("siginfo", "", 0, bytes(128))) == b"80"
    assert guest.calls == 0
    assert read("siginfo", "", FakeGuest()) == b""
    assert queries(FakeGuest()).write(WriteObject("siginfo", "", 0, b"")) == b""
    assert asking.write(WriteObject("auxv", "", 0, b"")) == b""
