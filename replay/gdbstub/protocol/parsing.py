"""From a packet's data to the command that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

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
    PointKind,
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

_HEX = re.compile(r"[0-9a-fA-F]{1,16}", re.ASCII)
_THREAD = re.compile(r"-1|[0-9a-fA-F]{1,16}", re.ASCII)
_THREAD_SUFFIX = re.compile(rb";thread:[0-9a-fA-F]+;?$")
_QUERY = re.compile(r"[qQ][A-Za-z]*")
_WORDS_MAX = 64
_CONDITIONS_MAX = 64
_CONDITION_BYTES_MAX = 4096

THE_THREAD = 1
"""A guest has one processor, which clients see as one thread of this number."""


def parse(data: bytes) -> Command:
    """The command in a packet; raises ``BadPacket`` for one of a known kind that makes no sense."""
    for prefix, parser in _PREFIXES.items():
        if data.startswith(prefix):
            return parser(data[len(prefix) :])
    parser = _LETTERS.get(data[:1], _unknown)
    return parser(data if data[:1] in b"qQ" else data[1:])


def _unknown(_rest: bytes) -> Command:
    return Unknown()


def _plain(command: Command) -> Callable[[bytes], Command]:
    """A command without arguments; with any it is none that is known."""
    return lambda rest: Unknown() if rest else command


def _registers(rest: bytes) -> Command:
    _without_thread(rest)
    return ReadRegisters()


def _all_registers(rest: bytes) -> Command:
    return WriteRegisters(_hex_bytes(_text(_without_thread(rest))))


def _register(rest: bytes) -> Command:
    return ReadRegister(_number(_text(_without_thread(rest))))


def _new_register(rest: bytes) -> Command:
    number, value = _split(_text(_without_thread(rest)), "=")
    return WriteRegister(_number(number), _hex_bytes(value))


def _memory(rest: bytes) -> Command:
    address, size = _split(_text(rest), ",")
    return ReadMemory(_number(address), _number(size))


def _binary_memory(rest: bytes) -> Command:
    address, size = _split(_text(rest), ",")
    return ReadMemory(_number(address), _number(size), binary=True)


def _new_memory(rest: bytes) -> Command:
    place, data = _split(_text(rest), ":")
    return _writing(place, _hex_bytes(data))


def _new_binary_memory(rest: bytes) -> Command:
    place, colon, data = rest.partition(b":")
    if not colon:
        raise BadPacket("no data behind the address")
    return _writing(_text(place), data)


def _writing(place: str, data: bytes) -> Command:
    address, size = _split(place, ",")
    if _number(size) != len(data):
        raise BadPacket(f"{len(data)} bytes of data said to be {_number(size)}")
    return WriteMemory(_number(address), data)


def _insert(rest: bytes) -> Command:
    head, _, options = _text(rest).partition(";")
    kind, address, size = _point(head)
    return InsertPoint(kind, address, size, _conditions(options))


def _remove(rest: bytes) -> Command:
    return RemovePoint(*_point(_text(rest).partition(";")[0]))


def _point(text: str) -> tuple[PointKind, int, int]:
    kind, _, place = text.partition(",")
    address, size = _split(place, ",")
    try:
        return PointKind(_number(kind)), _number(address), _number(size)
    except ValueError as error:
        raise BadPacket(f"no kind of breakpoint: {kind!r}") from error


def _conditions(options: str) -> tuple[bytes, ...]:
    """The expressions in ``X4,00112233X…``; commands to run (``cmds:``) are never accepted."""
    found: list[bytes] = []
    rest = options
    while rest.startswith("X"):
        size_text, comma, data = rest[1:].partition(",")
        size = _number(size_text)
        if not comma or size > _CONDITION_BYTES_MAX or len(found) == _CONDITIONS_MAX:
            raise BadPacket("a condition that is too long, or too many of them")
        found.append(_hex_bytes(data[: 2 * size]))
        if len(found[-1]) != size:
            raise BadPacket(f"a condition of {len(found[-1])} bytes said to be {size}")
        rest = data[2 * size :].removeprefix(";")
    if rest:
        raise BadPacket(f"an unknown option of a breakpoint: {rest[:20]!r}")
    return tuple(found)


def _continue(rest: bytes) -> Command:
    return _resumption(rest, Go())


def _step(rest: bytes) -> Command:
    return _resumption(rest, GoStep())


def _continue_with_signal(rest: bytes) -> Command:
    return _resumption(rest.partition(b";")[2], Go())


def _step_with_signal(rest: bytes) -> Command:
    return _resumption(rest.partition(b";")[2], GoStep())


def _resumption(address: bytes, command: Command) -> Command:
    if address:
        raise BadPacket("a run begins where the guest stands, at no other address")
    return command


def _actions(rest: bytes) -> Command:
    """``vCont;ACTION[:THREAD];…``: the first action that is for the one thread there is."""
    for part in _text(rest).split(";"):
        action, _, thread = part.partition(":")
        if not thread or _thread(thread) in (-1, 0, THE_THREAD):
            return _action(action)
    raise BadPacket("no action for the only thread")


def _action(text: str) -> Command:
    match text[:1]:
        case "c" | "C":
            return Go()
        case "s" | "S":
            return GoStep()
        case "r":
            start, end = _split(text[1:], ",")
            return GoRange(_number(start), _number(end))
    raise BadPacket(f"an unknown action: {text[:20]!r}")


def _query(data: bytes) -> Command:
    text = data.decode("latin-1")
    match = _QUERY.match(text)
    name = match[0] if match else ""
    return Query(name, text[len(name) + 1 :])


def _object(rest: bytes) -> Command:
    """``OBJECT:read:ANNEX:OFFSET,SIZE`` or ``OBJECT:write:ANNEX:OFFSET:DATA``."""
    head, _, tail = rest.partition(b":")
    way, _, tail = tail.partition(b":")
    annex, _, tail = tail.partition(b":")
    if way == b"read":
        offset, size = _split(_text(tail), ",")
        return ReadObject(_text(head), _text(annex), _number(offset), _number(size))
    if way == b"write":
        offset_text, _, data = tail.partition(b":")
        return WriteObject(_text(head), _text(annex), _number(_text(offset_text)), data)
    return Unknown()


def _monitor(rest: bytes) -> Command:
    return Monitor(_hex_text(_text(rest)))


def _open_file(rest: bytes) -> Command:
    parts = _text(rest).split(",")
    if len(parts) != 3:
        raise BadPacket("a file is opened by name, flags and mode")
    return OpenFile(_hex_text(parts[0]), _number(parts[1]))


def _read_file(rest: bytes) -> Command:
    parts = _text(rest).split(",")
    if len(parts) != 3:
        raise BadPacket("a file is read by descriptor, size and offset")
    return ReadFile(*(_number(part) for part in parts))


def _other_file(rest: bytes) -> Command:
    return OtherFile(_text(rest).partition(":")[0])


def _run(rest: bytes) -> Command:
    """``vRun;PROGRAM;ARGUMENT…``, each as hexadecimal text."""
    parts = _text(rest).split(";")[2:]
    if len(parts) > _WORDS_MAX:
        raise BadPacket(f"more than {_WORDS_MAX} arguments")
    return Run(tuple(_hex_text(part) for part in parts))


def _restart(_rest: bytes) -> Command:
    return Run(answered=False)


def _select(rest: bytes) -> Command:
    return SelectThread(_thread(_text(rest[1:])))


def _alive(rest: bytes) -> Command:
    return ThreadAlive(_thread(_text(rest)))


def _detach(_rest: bytes) -> Command:
    return Detach()


def _without_thread(rest: bytes) -> bytes:
    """LLDB names the thread behind commands on registers."""
    return _THREAD_SUFFIX.sub(b"", rest)


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadPacket("bytes that are no text where text belongs") from error


def _split(text: str, at: str) -> tuple[str, str]:
    head, found, tail = text.partition(at)
    if not found:
        raise BadPacket(f"no {at!r} in {text[:20]!r}")
    return head, tail


def _number(text: str) -> int:
    if not _HEX.fullmatch(text):
        raise BadPacket(f"not a hexadecimal number of at most 64 bits: {text[:20]!r}")
    return int(text, 16)


def _thread(text: str) -> int:
    if not _THREAD.fullmatch(text):
        raise BadPacket(f"not a thread: {text[:20]!r}")
    return int(text, 16)


def _hex_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadPacket(f"no hexadecimal bytes: {text[:20]!r}") from error


def _hex_text(text: str) -> str:
    return _hex_bytes(text).decode("utf-8", "replace")


_PREFIXES: Mapping[bytes, Callable[[bytes], Command]] = {
    b"vCont?": _plain(ListActions()),
    b"vCont;": _actions,
    b"vFile:open:": _open_file,
    b"vFile:pread:": _read_file,
    b"vFile:fstat:": lambda rest: StatFile(_number(_text(rest))),
    b"vFile:close:": lambda rest: CloseFile(_number(_text(rest))),
    b"vFile:": _other_file,
    b"vRun": _run,
    b"vKill": lambda _: Kill(answered=True),
    b"v": _unknown,
    b"bc": _plain(Go(backward=True)),
    b"bs": _plain(GoStep(backward=True)),
    b"qXfer:": _object,
    b"qRcmd,": _monitor,
}
_LETTERS: Mapping[bytes, Callable[[bytes], Command]] = {
    b"?": _plain(WhyStopped()),
    b"!": _plain(StayAfterwards()),
    b"g": _registers,
    b"G": _all_registers,
    b"p": _register,
    b"P": _new_register,
    b"m": _memory,
    b"x": _binary_memory,
    b"M": _new_memory,
    b"X": _new_binary_memory,
    b"Z": _insert,
    b"z": _remove,
    b"c": _continue,
    b"s": _step,
    b"C": _continue_with_signal,
    b"S": _step_with_signal,
    b"q": _query,
    b"Q": _query,
    b"H": _select,
    b"T": _alive,
    b"R": _restart,
    b"D": _detach,
    b"k": lambda _: Kill(answered=False),
}
