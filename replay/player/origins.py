"""Where a value comes from: who wrote it last, what that was copied from, and so on back to the
call that brought the bytes into the guest, a constant in its code, or what it was loaded with.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from replay.engines.disassembly import Syntax, decoder
from replay.engines.effects import Instruction, Part, instruction_at
from replay.engines.sites import LONGEST_INSTRUCTION
from replay.machine.position import Position
from replay.player.answers import Answer
from replay.player.errors import PlayerError
from replay.player.flow import making_in_memory, making_in_register, written_memory
from replay.player.loaded import Loaded
from replay.player.register_writes import code_at, crosses
from replay.player.stops import Stop, Why
from replay.player.symbols import Place, Symbols
from replay.player.timeline import Timeline
from replay.player.whereabouts import (
    Computed,
    Constant,
    Copied,
    InMemory,
    InRegister,
    Making,
    Unclear,
    Untouched,
    Where,
    bytes_at,
)

VALUE_BYTES_MAX = 64
HOPS_MAX = 32
REGISTER_STEPS_MAX = 2_000_000
"""So far back, in instructions and crossings, is a register's last write looked for."""

_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
FOLLOWED = frozenset((*_GENERAL, *(f"r{n}" for n in range(8, 16)), *(f"xmm{n}" for n in range(16))))
"""The registers whose writes are found."""

_TRIES_MAX = 4 * HOPS_MAX
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STACK_SPAN = 1 << 20
_RED_ZONE = 128


class NoValue(PlayerError):
    """There is nothing whose origin could be looked for."""


class Kind(enum.Enum):
    """What one step of an origin is."""

    COPIED = "copied"
    KEPT = "kept"  # saved on the stack by a function, and restored at its end
    COMPUTED = "computed"
    CONSTANT = "constant"
    CALL = "call"  # the result of one
    INITIAL = "initial"  # nobody has written it
    LOST = "lost"  # it could not be followed further, and ``note`` says why


@dataclass(frozen=True, slots=True)
class CallBytes:
    """``size`` bytes from ``offset`` on, of ``total``, of what an event has brought: its data, or
    the part of its result that ``field`` names. ``device`` is a name, or empty.

    ``alike``: so many bytes from there on are those that were asked for, of which not all were
    followed.
    """

    event: int
    call: str
    device: str
    field: str
    offset: int
    size: int
    total: int
    alike: int


@dataclass(frozen=True, slots=True)
class OriginStep:
    """At ``position``, with the write not yet made, ``value`` was about to come to ``where``.

    ``came_from``: whence, if it was copied; of a computed one the only input, or the first of
    ``inputs``. ``instruction`` is its text, ``place`` where it lies, and ``function`` the innermost
    one around it, which may be inlined there. ``note`` says what is to be
    said besides. ``derived``: the value is not that which was asked for, but one that it was
    computed from.
    """

    position: Position
    kind: Kind
    where: Where
    where_name: str
    value: bytes
    instruction: str = ""
    place: Place | None = None
    function: str = ""
    came_from: Where | None = None
    came_from_name: str = ""
    inputs: tuple[Where, ...] = ()
    input_names: tuple[str, ...] = ()
    call: CallBytes | None = None
    note: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The way of ``value``, which is at ``what`` at a position, from the latest step to the first
    one: there is always one."""

    position: Position
    what: Where
    name: str
    value: bytes
    steps: tuple[OriginStep, ...]

    @property
    def call(self) -> CallBytes | None:
        """The bytes of the call that it comes from, if it does."""
        return self.steps[-1].call

    @property
    def is_complete(self) -> bool:
        """Whether it was followed to where it begins."""
        return self.steps[-1].kind is not Kind.LOST


def find_origin(
    timeline: Timeline,
    symbols: Symbols,
    what: Where,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Origin:
    """Where the value at ``what`` comes from, as the guest stands; which is where it stands again
    in the end.

    Of a value whose bytes come from several places the first one is followed. An interrupt of the
    timeline ends it with what was found by then, and so does ``cancelled``, which counts between
    two journeys as well. Raises ``NoValue`` for memory that cannot be read, more bytes than
    ``VALUE_BYTES_MAX``, or a register that is not followed; and what a timeline raises.
    """
    here = timeline.position
    value = _value(timeline, what)
    name = _Names(timeline, symbols).of(what)
    tracer = _Tracer(timeline, symbols, cancelled)
    try:
        tracer.follow(what, value)
    finally:
        _return_to(timeline, here)
    return Origin(here, what, name, value, tuple(tracer.steps))


def _value(timeline: Timeline, what: Where) -> bytes:
    if not 0 < what.size <= VALUE_BYTES_MAX:
        raise NoValue(f"{what.size} bytes: a value has from 1 to {VALUE_BYTES_MAX}")
    if isinstance(what, InRegister) and what.name not in FOLLOWED:
        raise NoValue(f"the writes of register {what.name} cannot be found")
    value = bytes_at(what, timeline)
    if len(value) != what.size:
        raise NoValue("no such memory or part of a register can be read here")
    return value


def _return_to(timeline: Timeline, here: Position) -> None:
    """Also when somebody goes on interrupting."""
    while timeline.position != here:
        timeline.seek(here)


class _Ended(Exception):
    """The way back ends; ``note`` says why."""

    def __init__(self, note: str) -> None:
        self.note = note
        super().__init__(note)


class _Tracer:
    """Goes back from write to write."""

    def __init__(self, timeline: Timeline, symbols: Symbols, cancelled: Callable[[], bool]) -> None:
        self.steps: list[OriginStep] = []
        self._timeline = timeline
        self._symbols = symbols
        self._names = _Names(timeline, symbols)
        self._cancelled = cancelled
        self._where: Where = InMemory(0, 0)
        self._value = self._asked = b""
        self._derived = False

    def follow(self, where: Where, value: bytes) -> None:
        """From write to write; the last step says how it ended."""
        self._where, self._value, self._asked = where, value, value
        position = self._timeline.position
        try:
            for _ in range(_TRIES_MAX):
                if len(self.steps) >= HOPS_MAX:
                    break
                if not self._hop():
                    return
                position = self._timeline.position
            raise _Ended(f"it was not followed over more than {len(self.steps)} steps")
        except _Ended as end:
            self._add(position, Kind.LOST, note=end.note)

    def _hop(self) -> bool:
        """To the last write and what it was made of; whether there is more to follow."""
        begin = self._timeline.position
        if not self._go_to_write():
            return False
        instruction = self._instruction()
        if crosses(instruction):
            answer = self._timeline.answer_ahead()
            if answer is not None:
                return self._answered(answer, begin)
            raise _Ended("it was set by an instruction that the monitor carries out")
        return self._written(instruction, begin)

    # ---- to the last write

    def _go_to_write(self) -> bool:
        stop = self._last_write()
        if stop is not None and stop.why is Why.INTERRUPTED:
            raise _Ended("interrupted")
        if self._cancelled():
            raise _Ended("interrupted")
        if stop is None:
            self._never_written()
        return stop is not None

    def _last_write(self) -> Stop | None:
        where = self._where
        if isinstance(where, InMemory):
            return self._timeline.last_write(where.address, where.size)
        if where.name not in FOLLOWED:
            raise _Ended(f"kept in {where.name}, not followed further")
        part = Part(where.name, where.low, where.low + where.size)
        return self._timeline.last_register_write(part, within=REGISTER_STEPS_MAX)

    def _never_written(self) -> None:
        timeline, where = self._timeline, self._where
        if isinstance(where, InMemory):
            note = Loaded(timeline, self._symbols).describe(where.address, self._value)
        elif timeline.steps > REGISTER_STEPS_MAX:
            raise _Ended(f"not written in {REGISTER_STEPS_MAX} instructions, not followed further")
        else:
            note = "what it held at the start"
        self._add(timeline.start, Kind.INITIAL, note=note)

    # ---- at a write

    def _instruction(self) -> Instruction:
        rip = self._timeline.registers()["rip"]
        found = instruction_at(code_at(self._timeline, rip, LONGEST_INSTRUCTION), rip)
        if found is None:
            raise _Ended("it was written by an instruction that cannot be decoded")
        return found

    def _written(self, instruction: Instruction, begin: Position) -> bool:
        where = self._where
        if isinstance(where, InRegister):
            lows = [each.low for each in instruction.writes if each.register == where.name]
            if min(lows, default=0) > where.low:
                return self._follow_first_byte(begin)
            return self._made(instruction, making_in_register(instruction, where, self._timeline))
        whole = written_memory(instruction, self._timeline)
        if whole is not None and self._copied_by_iterations(instruction, whole, where):
            return True
        is_beside = whole is not None and not 0 <= where.address - whole.address < whole.size
        if is_beside and where.size > 1:
            return self._follow_first_byte(begin)
        return self._made(instruction, making_in_memory(instruction, where, self._timeline))

    def _follow_first_byte(self, begin: Position) -> bool:
        """The last write was of other bytes than the first one."""
        self._timeline.seek(begin)
        self._narrow(1)
        return True

    def _made(self, instruction: Instruction, making: Making) -> bool:
        match making:
            case Copied(where):
                return self._copied(instruction, where)
            case Constant(size, what):
                self._narrow(size)
                self._step(instruction, Kind.CONSTANT, note=what)
                return False
            case Computed(inputs):
                return self._computed(instruction, inputs)
            case Untouched(size):
                self._narrow(size)
                return True
            case Unclear(why):
                self._step(instruction, Kind.LOST, note=why)
                return False

    def _copied(self, instruction: Instruction, came_from: Where) -> bool:
        self._narrow(came_from.size)
        if bytes_at(came_from, self._timeline) != self._value:
            self._step(instruction, Kind.LOST, note="made of something else than it seems")
            return False
        self._step(instruction, Kind.COPIED, came_from)
        self._where = came_from
        self._join_saving()
        return True

    def _copied_by_iterations(
        self, instruction: Instruction, whole: InMemory, where: InMemory
    ) -> bool:
        """Whether a repeated copy has brought all the bytes in several iterations: one step then,
        at the first of them. The last one has brought ``whole`` and is about to do so."""
        timeline, last = self._timeline, self._timeline.position
        before = whole.address - where.address
        if not (instruction.is_repeated and instruction.mnemonic.startswith("movs")):
            return False
        if not 0 < before < where.size <= before + whole.size:
            return False
        iterations = -(-before // whole.size)
        if iterations > last.instructions:
            return False
        timeline.seek(Position(last.event, last.instructions - iterations))
        registers = timeline.registers()
        came_from = InMemory(where.address - registers["rdi"] + registers["rsi"], where.size)
        is_same = registers["rip"] == instruction.address
        is_same = is_same and registers["rdi"] == whole.address - iterations * whole.size
        if is_same and bytes_at(came_from, timeline) == self._value:
            return self._copied(instruction, came_from)
        timeline.seek(last)
        return False

    def _join_saving(self) -> None:
        """That a function restores what it has saved is one step."""
        if len(self.steps) < 2:
            return
        restored, saved = self.steps[-2:]
        is_saving = saved.instruction.startswith("push") and restored.where == saved.came_from
        if is_saving and restored.instruction.startswith("pop"):
            self.steps[-2:] = [replace(saved, kind=Kind.KEPT, where_name=restored.where_name)]

    def _computed(self, instruction: Instruction, inputs: tuple[Where, ...]) -> bool:
        if any(each.kind is Kind.COMPUTED and _is_by(each, instruction) for each in self.steps):
            raise _Ended("a loop has computed it, not followed further")
        followed = [each for each in inputs if _is_followed(each)]
        self._step(instruction, Kind.COMPUTED, followed[0] if followed else None, inputs)
        if len(inputs) != 1 or not followed:
            return False
        self._where, self._value = followed[0], bytes_at(followed[0], self._timeline)
        self._derived = True
        return bool(self._value)

    # ---- at a call

    def _answered(self, answer: Answer, begin: Position) -> bool:
        where = self._where
        if isinstance(where, InRegister):
            part = replace(answer.field_in(where.name), offset=where.low)
        else:
            gpa = self._timeline.physical(where.address)
            found = None if gpa is None else answer.field_at(gpa)
            if found is None:
                if where.size > 1:
                    return self._follow_first_byte(begin)
                raise _Ended("it was written by a call, in a way that is not known here")
            part = found
        self._narrow(min(where.size, max(part.total - part.offset, 1)))
        brought = CallBytes(
            answer.index,
            call_name(answer.call),
            self._device(answer),
            part.name,
            part.offset,
            len(self._value),
            part.total,
            self._brought(part.data),
        )
        self._timeline.step(-1)
        self._step(self._instruction(), Kind.CALL, call=brought)
        return False

    def _brought(self, data: bytes) -> int:
        """How many bytes of the value that was asked for the call may have brought at once."""
        if self._derived or not data.startswith(self._asked):
            return len(self._value)
        return len(self._asked)

    def _device(self, answer: Answer) -> str:
        handle = getattr(answer.call, "handle", None)
        devices = self._timeline.trace.header.boot.devices
        return next((each.name for each in devices if each.handle == handle), "")

    # ---- steps

    def _narrow(self, size: int) -> None:
        if size < len(self._value):
            self._where, self._value = self._where.part(0, size), self._value[:size]

    def _step(
        self,
        instruction: Instruction,
        kind: Kind,
        came_from: Where | None = None,
        inputs: tuple[Where, ...] = (),
        *,
        call: CallBytes | None = None,
        note: str = "",
    ) -> None:
        step = self._add(self._timeline.position, kind, note=note)
        self.steps[-1] = replace(
            step,
            instruction=written_out(instruction),
            place=self._symbols.place(instruction.address),
            function=self._function(instruction.address),
            came_from=came_from,
            came_from_name="" if came_from is None else self._names.of(came_from),
            inputs=inputs,
            input_names=tuple(map(self._names.of, inputs)),
            call=call,
        )

    def _function(self, address: int) -> str:
        named = [scope.name for scope in self._symbols.scopes(address) if scope.name]
        if named:
            return named[-1]
        symbol = self._symbols.function_at(address)
        return symbol.name if symbol else ""

    def _add(self, position: Position, kind: Kind, *, note: str) -> OriginStep:
        where = self._where
        step = OriginStep(
            position,
            kind,
            where,
            self._names.of(where),
            self._value,
            note=note,
            derived=self._derived,
        )
        self.steps.append(step)
        return step


def _is_by(step: OriginStep, instruction: Instruction) -> bool:
    return step.place is not None and step.place.address == instruction.address


def _is_followed(where: Where) -> bool:
    return isinstance(where, InMemory) or where.name in FOLLOWED


def call_name(call: object) -> str:
    """A call as people write it: ``net_read``."""
    return _WORD_STARTS.sub("_", type(call).__name__).lower()


def written_out(instruction: Instruction) -> str:
    """An instruction as gdb writes it."""
    decoded = decoder(Syntax.ATT)(instruction.code, instruction.address, 1)
    return " ".join(part for each in decoded for part in each[2:] if part)


class _Names:
    """What people call a place, while the guest stands still."""

    def __init__(self, timeline: Timeline, symbols: Symbols) -> None:
        self._timeline = timeline
        self._symbols = symbols

    def of(self, where: Where) -> str:
        """A register's own name, a variable's, or an address."""
        if isinstance(where, InRegister):
            return register_name(where)
        symbol = self._symbols.variable_at(where.address)
        if symbol is not None:
            offset = where.address - symbol.address
            return f"{symbol.name}+{offset:#x}" if offset else symbol.name
        stack = self._timeline.registers()["rsp"]
        is_stack = -_RED_ZONE <= where.address - stack < _STACK_SPAN
        return f"stack {where.address:#x}" if is_stack else f"{where.address:#x}"


def register_name(where: InRegister) -> str:
    """The name of a register's part, or the register and which of its bytes are meant."""
    name, size = where.name, where.size
    whole = 16 if name.startswith("xmm") else 8
    if where.low == 0 and size == whole:
        return name
    if where.low or whole == 16 or size not in (1, 2, 4):
        return f"{name}[{where.low}..{where.low + size})"
    stem = name[1:]
    if stem.isdigit():
        return name + {1: "b", 2: "w", 4: "d"}[size]
    return {1: f"{stem.removesuffix('x')}l", 2: stem, 4: f"e{stem}"}[size]
