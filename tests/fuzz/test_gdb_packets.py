"""Whatever a client sends: the stub answers in bounded time and memory, raises nothing, and does
what the next sound packet says.

Sound packets of every kind are cut, flipped, glued and repeated; and the stream itself is damaged.
"""

from __future__ import annotations

import random

from replay.gdbstub.protocol.framing import PACKET_BYTES_MAX, Packet, Unframer, frame
from replay.gdbstub.stub import Stub
from tests.unit.replay.gdbstub.fakes import CODE, COUNTER, FakeGuest, FakeRecording

PACKETS = 6_000
STREAMS = 400
SOUND = (
    *(b"?", b"!", b"g", b"G00112233445566778899", b"p10", b"P10=0010000000000000", b"k", b"D"),
    *(b"m1000,100", b"x1000,100", b"M3000,4:01020304", b"X3000,4:abcd", b"R00", b"T1", b"Hg0"),
    *(b"Z0,%x,1" % (CODE + 9), b"Z0,%x,1;X5,2330001727" % (CODE + 9), b"z0,%x,1" % (CODE + 9)),
    *(
        b"Z2,%x,8" % COUNTER,
        b"Z4,3000,4",
        b"z2,%x,8" % COUNTER,
        b"vCont?",
        b"vCont;c",
        b"bc",
        b"bs",
    ),
    *(b"vCont;s:1;c", b"vCont;r1000,1010:1", b"vRun;2f61;3132", b"vKill;1", b"c", b"s", b"C05"),
    *(b"qSupported:swbreak+", b"qXfer:features:read:target.xml:0,ffb", b"qRcmd,77686e"),
    *(b"qXfer:siginfo:read::0,1000", b"qXfer:siginfo:write::0:abc", b"qXfer:exec-file:read:1:0,ff"),
    *(b"vFile:open:2f66615f6b652e687674,0,0", b"vFile:pread:3,1000,0", b"vFile:fstat:3"),
    *(b"vFile:close:3", b"qC", b"qfThreadInfo", b"qMemoryRegionInfo:1000", b"QStartNoAckMode"),
)


def damaged(draw: random.Random) -> bytes:
    """A packet that once made sense."""
    data = bytearray(draw.choice(SOUND))
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0:
                data[at : at + 1] = draw.randbytes(draw.randrange(3))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = draw.choice((b"ffffffffffffffff", b"-1", b",", b":", b";", b"0" * 40))
            case 3:
                data += draw.choice(SOUND)
            case _:
                data[at:at] = data[: draw.randrange(20)]
    return bytes(data)


def test_every_packet_is_answered() -> None:
    draw = random.Random(42)
    for guest in (FakeRecording(), FakeGuest(elf=None)):
        stub = Stub(guest)
        for _ in range(PACKETS // 2):
            data = damaged(draw)
            for reply in stub.answer(data):
                assert len(reply) <= PACKET_BYTES_MAX, data
        stub.client_left()
        assert stub.answer(b"qC") == [b"QC1"]


def test_a_damaged_stream_loses_packets_and_nothing_else() -> None:
    draw = random.Random(43)
    for _ in range(STREAMS):
        unframer = Unframer(4096)
        stream = bytearray(b"".join(frame(draw.choice(SOUND)) for _ in range(20)))
        for _ in range(draw.randrange(10)):
            stream[draw.randrange(len(stream))] = draw.randrange(256)
        for at in range(0, len(stream), 7):
            list(unframer.feed(bytes(stream[at : at + 7])))
        # The end of whatever was begun, and then a sound packet.
        *_, last = unframer.feed(b"#00" + frame(b"qC"))
        assert last == Packet(b"qC")
