"""One client's packets, answered by what a target can do. It reads no socket and starts no thread.

Whatever a client sends is answered; nothing is raised but what a broken target raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from replay.gdbstub.endings import ending_signal
from replay.gdbstub.errors import Refused, StubError
from replay.gdbstub.guest_file import GuestFile
from replay.gdbstub.points import Points
from replay.gdbstub.protocol.commands import (
    CloseFile,
    Command,
    Detach,
    Go,
    GoRange,
    GoStep,
    InsertPoint,
    Kill,
    ListActions,
    Monitor,
    OpenFile,
    OtherFile,
    Query,
    ReadFile,
    ReadMemory,
    ReadObject,
    ReadRegister,
    ReadRegisters,
    RemovePoint,
    Run,
    SelectThread,
    StatFile,
    StayAfterwards,
    ThreadAlive,
    Unknown,
    WhyStopped,
    WriteMemory,
    WriteObject,
    WriteRegister,
    WriteRegisters,
)
from replay.gdbstub.protocol.errors import BadPacket
from replay.gdbstub.protocol.framing import PACKET_BYTES_MAX
from replay.gdbstub.protocol.parsing import THE_THREAD, parse
from replay.gdbstub.protocol.replies import (
    EMPTY,
    NO_MEMORY,
    OK,
    Signal,
    ended,
    error,
    exited,
    output,
    stopped,
)
from replay.gdbstub.queries import Queries
from replay.gdbstub.registers import (
    EXPEDITED,
    REGISTERS,
    changed_registers,
    number_of,
    register_text,
    split_registers,
)
from replay.gdbstub.target import Ends, Limited, Notifies, Reverses, Target
from replay.player.stops import Stop, Wanted, Why

_PAGE_BYTES = 4096
_READ_BYTES_MAX = PACKET_BYTES_MAX // 2 - 16
_ACTIONS = b"vCont;c;C;s;S;r"
_NO_WAY_BACK = "a live guest cannot go back: replay what is being recorded"
_SIGNALS = {Why.INTERRUPTED: Signal.INT}
_LOG_ENDS = {Why.START: "begin", Why.END: "end"}


class Stub:
    """Serves one client; ``leaving`` is set when the client has said that it goes."""

    def __init__(self, target: Target, take_interrupt: Callable[[], bool] = bool) -> None:
        """``take_interrupt`` tells whether the client has asked for an interrupt that nobody has
        been given yet: one that comes between two of many steps is for all of them."""
        self._target = target
        self._take_interrupt = take_interrupt
        self._points = Points()
        self._file = GuestFile(target.guest_name, target.guest_file)
        self._queries = Queries(target, self._file)
        self._killed = False
        self._stay = False
        self.leaving = False

    def answer(self, data: bytes) -> list[bytes]:
        """The packets that answer one packet; none for those that want no answer."""
        try:
            return self._dispatch(parse(data))
        except (BadPacket, StubError) as refusal:
            return [error(str(refusal))]

    def client_left(self) -> None:
        """Forget what only this client had asked for."""
        self._points.clear()
        self._target.detach()

    def _dispatch(self, command: Command) -> list[bytes]:
        match command:
            case Monitor(line):
                return _text_answer(self._target.command(line))
            case Kill(answered=False):
                self._kill()
                self.leaving = True
                return []
            case Run(words, answered):
                reply = self._start_over(words)
                return [reply] if answered else []
            case Go() | GoStep() | GoRange():
                return self._travel(command)
        return [self._reply(command)]

    def _reply(self, command: Command) -> bytes:
        match command:
            case ReadRegisters() | ReadRegister() | ReadMemory():
                return self._look(command)
            case WriteRegisters() | WriteRegister() | WriteMemory():
                return self._change(command)
            case InsertPoint():
                return self._insert(command)
            case RemovePoint():
                self._points.remove(command)
                return OK
            case OpenFile() | ReadFile() | StatFile() | CloseFile() | OtherFile():
                return self._file.answer(command)
        return self._about(command)

    def _about(self, command: Command) -> bytes:
        """What concerns the session more than the guest."""
        match command:
            case WhyStopped():
                return exited(0) if self._killed else self._standing()
            case Query():
                return self._queries.answer(command)
            case ReadObject():
                return self._queries.read(command)
            case WriteObject():
                return self._queries.write(command)
            case ListActions():
                return _ACTIONS
            case SelectThread(thread) | ThreadAlive(thread):
                return OK if thread in (-1, 0, THE_THREAD) else error("there is one thread only")
        return self._farewell(command)

    def _farewell(self, command: Command) -> bytes:
        match command:
            case StayAfterwards():
                return OK
            case Detach():
                self.leaving = True
                return OK
            case Kill():
                self._kill()
                return OK
        assert isinstance(command, Unknown)
        return EMPTY

    def _kill(self) -> None:
        self._killed = True
        if isinstance(self._target, Ends):
            self._target.kill()

    def _insert(self, command: InsertPoint) -> bytes:
        self._points.insert(command)
        if isinstance(self._target, Limited):
            try:
                self._target.check(self._points.wanted())
            except StubError:
                self._points.remove(RemovePoint(command.kind, command.address, command.size))
                raise
        return OK

    def _travel(self, command: Go | GoStep | GoRange) -> list[bytes]:
        """Let time run, and tell where and why it stopped."""
        if self._stay:  # gdb's `run PLACE` goes on from there by itself, which nobody wants
            self._stay = False
            return [self._standing()]
        before = self._target.here()
        try:
            stop = self._journey(command, self._points.wanted())
        except StubError as refusal:  # an error would make gdb try the same again, for ever
            return [*self._notices(), *output(f"{refusal}\n"), self._standing()]
        if self._take_interrupt() and stop.why is Why.REACHED:
            stop = replace(stop, why=Why.INTERRUPTED)
        return [*self._notices(), self._told(stop, before)]

    def _notices(self) -> list[bytes]:
        """Text may go to the client's console only as a part of the answer to a journey."""
        lines = self._target.take_notices() if isinstance(self._target, Notifies) else []
        return output("".join(f"{line}\n" for line in lines))

    def _journey(self, command: Go | GoStep | GoRange, wanted: Wanted) -> Stop:
        target = self._target
        match command:
            case Go(backward=False):
                return target.run(wanted)
            case GoStep(backward=False):
                return target.step(wanted)
            case GoRange(start, end):
                return target.step_range(start, end, wanted)
        if not isinstance(target, Reverses):
            raise Refused(_NO_WAY_BACK)
        return target.step_back(wanted) if isinstance(command, GoStep) else target.run_back(wanted)

    def _start_over(self, words: tuple[str, ...]) -> bytes:
        if not isinstance(self._target, Reverses):
            raise Refused(_NO_WAY_BACK)
        self._target.start_over(words)
        self._killed = False
        self._stay = bool(words)
        return self._standing()

    def _standing(self) -> bytes:
        """For a client that has just come."""
        signal = ending_signal(self._target.here().ending, self._target)
        return self._stop_reply(signal or Signal.TRAP, [])

    def _told(self, stop: Stop, before: Stop) -> bytes:
        """A journey's end. Where a guest ended by a fault that is told once, and then that there is
        nothing further."""
        signal = ending_signal(stop.ending, self._target)
        if signal is not None and (stop.why, stop.position) != (before.why, before.position):
            return self._stop_reply(signal, [])
        if stop.ending is not None and not isinstance(self._target, Reverses):
            self._queries.is_over = True
            return ended(signal) if signal else exited(stop.ending.process_status)
        if stop.why in _LOG_ENDS:
            return self._stop_reply(Signal.TRAP, [("replaylog", _LOG_ENDS[stop.why])])
        return self._stop_reply(_SIGNALS.get(stop.why, Signal.TRAP), self._points.reason(stop.hit))

    def _stop_reply(self, signal: Signal, reason: list[tuple[str, str]]) -> bytes:
        values = self._target.registers()
        registers = [
            (f"{number:02x}", register_text(REGISTERS[number], values))
            for number in map(number_of, EXPEDITED)
        ]
        thread = [("thread", f"{THE_THREAD:x}")]
        if self._queries.lists_threads:
            thread.append(("threads", f"{THE_THREAD:x}"))
        return stopped(signal, [*registers, *thread, *reason])

    def _look(self, command: ReadRegisters | ReadRegister | ReadMemory) -> bytes:
        match command:
            case ReadRegisters():
                values = self._target.registers()
                return "".join(register_text(each, values) for each in REGISTERS).encode()
            case ReadRegister(number):
                if number >= len(REGISTERS):
                    return error(f"there is no register {number}")
                return register_text(REGISTERS[number], self._target.registers()).encode()
            case ReadMemory(address, size, binary):
                return self._memory(address, min(size, _READ_BYTES_MAX), binary=binary)

    def _memory(self, address: int, size: int, *, binary: bool) -> bytes:
        data = self._target.read(address, size) if size else b""
        if data is None:
            data = b"".join(self._readable(address, size))
            if not data:
                return NO_MEMORY
        return b"b" + data if binary else data.hex().encode()

    def _readable(self, address: int, size: int) -> Iterator[bytes]:
        """What can be read from ``address`` on, in pieces that end with pages."""
        end = address + size
        while address < end:
            page_end = address - address % _PAGE_BYTES + _PAGE_BYTES
            data = self._target.read(address, min(end, page_end) - address)
            if data is None:
                return
            yield data
            address += len(data)

    def _change(self, command: WriteRegisters | WriteRegister | WriteMemory) -> bytes:
        """Writes of what is there already change nothing, and so do not leave the recording."""
        match command:
            case WriteMemory(address, data):
                if not data or self._target.read(address, len(data)) == data:
                    return OK
                self._target.write(address, data)
                return OK
            case WriteRegister(number, data):
                if number >= len(REGISTERS) or len(data) != REGISTERS[number].size:
                    return error(f"there is no register {number} of {len(data)} bytes")
                given = {number: data}
            case WriteRegisters(data):
                given = dict(split_registers(data))
        changed = changed_registers(given, self._target.registers())
        if changed:
            self._target.set_registers(changed)
        return OK


def _text_answer(text: str) -> list[bytes]:
    """The output of a ``monitor`` command, with a line end behind it."""
    if not text:
        return [OK]
    return [*output(text if text.endswith("\n") else f"{text}\n"), OK]
