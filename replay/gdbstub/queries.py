"""Answers to what a client asks about the guest and the stub themselves (``q``, ``Q``, ``qXfer``).

Source: "Debugging with GDB", appendix E.4, and "LLDB's extensions to the GDB remote protocol".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay.gdbstub.documents import memory_map, target_description, threads
from replay.gdbstub.guest_file import GuestFile
from replay.gdbstub.memory_search import search
from replay.gdbstub.protocol.commands import Query, ReadObject, WriteObject
from replay.gdbstub.protocol.framing import PACKET_BYTES_MAX
from replay.gdbstub.protocol.parsing import THE_THREAD
from replay.gdbstub.protocol.replies import EMPTY, NO_MEMORY, OK, error, part
from replay.gdbstub.target import CallsFunctions, Reverses, Target

_ALWAYS = (
    *(f"PacketSize={PACKET_BYTES_MAX:x}", "QStartNoAckMode+", "vContSupported+"),
    *("swbreak+", "hwbreak+", "ConditionalBreakpoints+", "QPassSignals+"),
    *("qXfer:features:read+", "qXfer:memory-map:read+", "qXfer:threads:read+"),
    *("binary-upload+", "error-message+"),
)
_REVERSING = ("ReverseStep+", "ReverseContinue+")
_CALLING = ("qXfer:siginfo:read+", "qXfer:siginfo:write+")
_WITH_FILE = ("qXfer:exec-file:read+",)
_TRIPLE = b"x86_64-unknown-unknown-elf".hex()
_MACHINE = f"triple:{_TRIPLE};endian:little;ptrsize:8;"
_SIGINFO = (5).to_bytes(4, "little") + bytes(124)  # siginfo_t of a SIGTRAP
_PIECE_BYTES_MAX = PACKET_BYTES_MAX // 2 - 16
_ADDRESS_SPACE = 1 << 64


class Queries:
    """Answers one client. ``is_over`` is set when there is no guest any more."""

    def __init__(self, target: Target, file: GuestFile) -> None:
        self._target = target
        self._file = file
        # A trace may come from a stranger, and gdb shows the name as it is.
        name = "".join(each if each.isprintable() else "?" for each in target.guest_name)
        self.lists_threads = False
        self.is_over = False
        self._answers: Mapping[str, Callable[[str], bytes]] = {
            "qSupported": self._supported,
            "QStartNoAckMode": lambda _: OK,
            "QPassSignals": lambda _: OK,
            "QThreadSuffixSupported": lambda _: OK,
            "QListThreadsInStopReply": self._list_threads,
            "qHostInfo": lambda _: _MACHINE.encode(),
            "qProcessInfo": lambda _: f"pid:{THE_THREAD:x};{_MACHINE}".encode(),
            "qMemoryRegionInfo": self._region,
            "qC": lambda _: b"QC%x" % THE_THREAD,
            "qfThreadInfo": lambda _: b"l" if self.is_over else b"m%x" % THE_THREAD,
            "qsThreadInfo": lambda _: b"l",
            "qThreadExtraInfo": lambda _: name.encode().hex().encode(),
            "qAttached": lambda _: b"1",
            "qSymbol": lambda _: OK,
            "qSearch": lambda what: search(target.read, what),
        }
        self._objects: Mapping[str, Callable[[str], bytes | None]] = {
            "features": lambda annex: target_description() if annex == "target.xml" else None,
            "memory-map": lambda _: memory_map(target.memory_bytes),
            "threads": lambda _: threads(None if self.is_over else name),
            "exec-file": lambda _: None if file.data is None else file.path.encode(),
            "siginfo": lambda _: _SIGINFO,
        }

    def answer(self, query: Query) -> bytes:
        """The reply; empty for what is not known."""
        known = self._answers.get(query.name)
        return EMPTY if known is None else known(query.argument)

    def read(self, request: ReadObject) -> bytes:
        """A piece of an object. Whoever reads the guest's signal is about to call a function."""
        known = self._objects.get(request.name)
        if known is None:
            return EMPTY
        if request.name == "siginfo" and not request.offset:
            if not isinstance(self._target, CallsFunctions):
                return EMPTY
            self._target.begin_call()
        data = known(request.annex)
        if data is None:
            return error(f"there is no {request.name} {request.annex!r}")
        return part(data, request.offset, min(request.size, _PIECE_BYTES_MAX))

    def write(self, request: WriteObject) -> bytes:
        """Whoever writes the guest's signal back has called a function."""
        if request.name != "siginfo" or not isinstance(self._target, CallsFunctions):
            return EMPTY
        self._target.end_call()
        return b"%x" % len(request.data)

    def _supported(self, _theirs: str) -> bytes:
        features = [*_ALWAYS]
        if isinstance(self._target, Reverses):
            features += _REVERSING
        if isinstance(self._target, CallsFunctions):
            features += _CALLING
        if self._file.data is not None:
            features += _WITH_FILE
        return ";".join(features).encode()

    def _list_threads(self, _argument: str) -> bytes:
        self.lists_threads = True
        return OK

    def _region(self, argument: str) -> bytes:
        size = self._target.memory_bytes
        try:
            address = int(argument, 16)
        except ValueError:
            return NO_MEMORY
        if 0 <= address < size:
            return f"start:0;size:{size:x};permissions:rwx;".encode()
        return f"start:{size:x};size:{_ADDRESS_SPACE - size:x};".encode()
