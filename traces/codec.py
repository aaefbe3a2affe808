"""Events to bytes and back: one array of integers and byte strings for one crossing.

Clocks and cycle counters are kept as differences to the previous reading of the same call since
the last ``reset`` (a block's start), so that encoder and decoder each have a little state. Three
ways lead back: ``EventDecoder.match`` answers a live call fast, ``decode`` makes a full value, and
``describe`` gives a live call the form of a recorded one, so that both can be shown side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from monitors.calls import RESULT_OF, Call
from monitors.calls.block import BlockRead
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.lifecycle import MisuseKind
from monitors.calls.traps import ReadTsc, ReadTscp, TscReading
from traces import tags
from traces.errors import BadEvent
from traces.events import (
    BytesDigest,
    CallField,
    CallRecord,
    KnownData,
    RecordedEvent,
    RecordedResult,
)
from traces.fields import INPUTS_OF, OUTPUTS_OF, RESULT_FROM, RULE_OF
from traces.limits import U32_MAX, U64_MAX
from traces.packing import new_packer
from traces.tags import DELTA_TAGS, SPEC_OF, SPECS, EventSpec, FieldKind, FieldSpec
from traces.values import field_checker

_WALL_TAG = tags.WALL_CLOCK
_DELTA_MIN, _WRAP = -(2**63), 2**64
_CHECK = {spec.tag: field_checker(spec.fields) for spec in SPECS.values()}


def describe(call: Call) -> CallRecord:
    """The record that a trace keeps of ``call``."""
    spec = SPEC_OF[type(call)]
    return _record(spec, INPUTS_OF[type(call)](call))


def difference(value: int, previous: int) -> int:
    """What is stored for a 64-bit ``value`` after ``previous``: negative when it went back.

    A step back of more than ``2**63`` does not fit a signed integer and is stored modulo ``2**64``.
    """
    delta = value - previous
    return delta if delta >= _DELTA_MIN else delta + _WRAP


def can_answer(call: Call, result: RecordedResult) -> bool:
    """Whether ``result`` is of the kind that a trace keeps for ``call``, whatever is in it."""
    kind, of = type(result), type(call)
    return RESULT_OF.get(of) is kind or (kind is KnownData and of is BlockRead)


def encode_single(call: Call, result: RecordedResult) -> bytes:
    """The bytes of an event of which nothing is stored as a difference, on its own.

    AssertionError for any other, and for a result that no such call can have.
    """
    assert can_answer(call, result), f"{call!r} cannot have the result {result!r}"
    assert SPEC_OF[type(call)].tag not in DELTA_TAGS, f"{call!r} cannot have {result!r}"
    return EventEncoder().encode(call, result)


class EventEncoder:
    """Encodes crossings in their order; ``reset`` wherever a block begins. ``encoders`` has what
    ``encode`` calls for each kind."""

    __slots__ = ("_cycles", "_monotonic", "_pack", "_special_cycles", "_wall", "encoders")

    def __init__(self) -> None:
        self._pack = new_packer()
        self.encoders: dict[type[Call], Callable[[Any, Any], bytes]] = {
            **{
                kind: _plain_encoder(spec, self._pack)
                for kind, spec in SPEC_OF.items()
                if spec.tag not in DELTA_TAGS
            },
            WallClock: self._encode_wall,
            MonotonicClock: self._encode_monotonic,
            ReadTsc: self._encode_tsc,
            ReadTscp: self._encode_tscp,
        }
        self.reset()

    def reset(self) -> None:
        """Forget the previous readings: the next one of each kind is stored in full."""
        self._wall = self._monotonic = self._cycles = self._special_cycles = 0

    def state(self) -> tuple[int, int, int, int]:
        """The previous readings, to come back to with ``restore``."""
        return self._wall, self._monotonic, self._cycles, self._special_cycles

    def restore(self, state: tuple[int, int, int, int]) -> None:
        """Go back to what ``state`` gave."""
        self._wall, self._monotonic, self._cycles, self._special_cycles = state

    def encode(self, call: Call, result: RecordedResult) -> bytes:
        """The event's bytes; AssertionError for a result that no such call can have."""
        return self.encoders[type(call)](call, result)

    def _encode_wall(self, _call: WallClock, result: ClockReading) -> bytes:
        # As the others, without a call in between: a guest in a loop may ask for nothing else.
        ns = result.ns
        assert type(ns) is int, ns
        assert 0 <= ns <= U64_MAX, ns
        delta = ns - self._wall
        self._wall = ns
        return self._pack((_WALL_TAG, delta if delta >= _DELTA_MIN else delta + _WRAP))

    def _encode_monotonic(self, _call: MonotonicClock, result: ClockReading) -> bytes:
        ns = result.ns
        data = self._pack([tags.MONOTONIC_CLOCK, _delta(ns, self._monotonic)])
        self._monotonic = ns
        return data

    def _encode_tsc(self, _call: ReadTsc, result: TscReading) -> bytes:
        cycles = result.cycles
        data = self._pack([tags.READ_TSC, _delta(cycles, self._cycles)])
        self._cycles = cycles
        return data

    def _encode_tscp(self, _call: ReadTscp, result: TscReading) -> bytes:
        cycles, aux = result.cycles, result.aux
        assert type(aux) is int, aux
        assert 0 <= aux <= U32_MAX, aux
        delta = _delta(cycles, self._special_cycles)
        data = self._pack([tags.READ_TSCP, delta, aux])
        self._special_cycles = cycles
        return data


def _delta(value: int, previous: int) -> int:
    """``difference``; AssertionError unless ``value`` is an unsigned 64-bit integer."""
    assert type(value) is int, value
    assert 0 <= value <= U64_MAX, value
    delta = value - previous
    return delta if delta >= _DELTA_MIN else delta + _WRAP


def _plain_encoder(spec: EventSpec, pack: Callable[[object], bytes]) -> Callable[[Any, Any], bytes]:
    """Encodes one kind of crossing, of which nothing is stored as a difference."""
    tag, check, rule = spec.tag, _CHECK[spec.tag], RULE_OF.get(spec.tag)
    inputs, outputs = INPUTS_OF[spec.call], OUTPUTS_OF[spec.call]

    def encode(call: Any, result: Any) -> bytes:
        array = [tag, *inputs(call), *outputs(result)]
        reason = check(array) or (rule(array) if rule else "")
        assert not reason, f"{call!r} cannot have the result {result!r}: {reason}"
        return pack(array)

    return encode


class EventDecoder:
    """Decodes the arrays of one block after another; ``reset`` wherever a block begins."""

    __slots__ = ("_cycles", "_matchers", "_monotonic", "_special_cycles", "_wall")

    def __init__(self) -> None:
        self._matchers: dict[type[Call], Callable[[list[Any], Any], RecordedResult | None]] = {
            **dict.fromkeys(SPEC_OF, self._match_other),
            WallClock: self._match_wall,
            MonotonicClock: self._match_monotonic,
            ReadTsc: self._match_tsc,
            ReadTscp: self._match_tscp,
        }
        self.reset()

    def reset(self) -> None:
        """Forget the previous readings, as the encoder did at the block's start."""
        self._wall = self._monotonic = self._cycles = self._special_cycles = 0

    def match(self, array: object, call: Call) -> RecordedResult | None:
        """The recorded result if ``array`` records ``call``, otherwise None and no change of state.

        Raises BadEvent for an array that is no event; None may also stand for one.
        """
        if type(array) is not list or not array:
            raise BadEvent("is not an array of a tag and fields")
        try:
            return self._matchers[type(call)](array, call)
        except (IndexError, TypeError) as error:
            raise BadEvent(f"fields of tag {array[0]!r} are missing or mistyped") from error

    def decode(self, array: object) -> RecordedEvent:
        """The event of ``array`` as a value; BadEvent when a field breaks the format's rules."""
        spec = _spec_of(array)
        fields = cast("list[Any]", array)
        reason = _CHECK[spec.tag](fields)
        if reason:
            raise BadEvent(f"{spec.call.__name__}: {reason}")
        result = self._result(spec.tag, fields)
        return RecordedEvent(_record(spec, tuple(fields[1 : 1 + len(spec.inputs)])), result)

    def pass_over(self, array: object) -> None:
        """Note the readings in ``array`` without making a value of it; may raise BadEvent."""
        if type(array) is not list or not array:
            raise BadEvent("is not an array of a tag and fields")
        tag = array[0]
        if type(tag) is int and tag in DELTA_TAGS:
            try:
                self._result(tag, array)
            except (IndexError, TypeError) as error:
                raise BadEvent(f"fields of tag {tag} are missing or mistyped") from error

    def state(self) -> tuple[int, int, int, int]:
        """The previous readings, to come back to with ``restore``."""
        return self._wall, self._monotonic, self._cycles, self._special_cycles

    def restore(self, state: tuple[int, int, int, int]) -> None:
        """Go back to what ``state`` gave."""
        self._wall, self._monotonic, self._cycles, self._special_cycles = state

    def _result(self, tag: int, array: list[Any]) -> RecordedResult:
        match tag:
            case tags.WALL_CLOCK:
                self._wall = (self._wall + array[1]) & U64_MAX
                return ClockReading(self._wall)
            case tags.MONOTONIC_CLOCK:
                self._monotonic = (self._monotonic + array[1]) & U64_MAX
                return ClockReading(self._monotonic)
            case tags.READ_TSC:
                self._cycles = (self._cycles + array[1]) & U64_MAX
                return TscReading(self._cycles)
            case tags.READ_TSCP:
                self._special_cycles = (self._special_cycles + array[1]) & U64_MAX
                return TscReading(self._special_cycles, array[2])
            case _:
                return RESULT_FROM[tag](array)

    def _match_wall(self, array: list[Any], _call: WallClock) -> ClockReading | None:
        if array[0] != tags.WALL_CLOCK:
            return None
        delta = array[1]
        if type(delta) is not int:
            raise TypeError(delta)
        self._wall = ns = (self._wall + delta) & U64_MAX
        return ClockReading(ns)

    def _match_monotonic(self, array: list[Any], _call: MonotonicClock) -> ClockReading | None:
        if array[0] != tags.MONOTONIC_CLOCK:
            return None
        delta = array[1]
        if type(delta) is not int:
            raise TypeError(delta)
        self._monotonic = ns = (self._monotonic + delta) & U64_MAX
        return ClockReading(ns)

    def _match_tsc(self, array: list[Any], _call: ReadTsc) -> TscReading | None:
        if array[0] != tags.READ_TSC:
            return None
        delta = array[1]
        if type(delta) is not int:
            raise TypeError(delta)
        self._cycles = cycles = (self._cycles + delta) & U64_MAX
        return TscReading(cycles)

    def _match_tscp(self, array: list[Any], _call: ReadTscp) -> RecordedResult | None:
        if array[0] != tags.READ_TSCP:
            return None
        return self.decode(array).result

    def _match_other(self, array: list[Any], call: Call) -> RecordedResult | None:
        kind = type(call)
        spec = SPEC_OF[kind]
        if array[0] != spec.tag:
            return None
        inputs = INPUTS_OF[kind](call)
        if array[1 : 1 + len(inputs)] != [*inputs]:
            return None
        reason = _CHECK[spec.tag](array)
        if reason:
            raise BadEvent(f"{kind.__name__}: {reason}")
        return RESULT_FROM[spec.tag](array)


def _spec_of(array: object) -> EventSpec:
    if type(array) is not list or not array or type(array[0]) is not int:
        raise BadEvent("is not an array of a tag and fields")
    spec = SPECS.get(array[0])
    if spec is None:
        raise BadEvent(f"tag {array[0]} is unknown to this version")
    return spec


def _record(spec: EventSpec, inputs: tuple[Any, ...]) -> CallRecord:
    fields: list[tuple[str, CallField]] = []
    for field, value in zip(spec.inputs, inputs, strict=True):
        if field.name.endswith("_crc32c"):
            name, length = fields.pop()
            fields.append((name.removesuffix("_length"), BytesDigest(cast("int", length), value)))
        else:
            fields.append((field.name, _shown(field, value)))
    return CallRecord(spec.call.__name__, tuple(fields))


def _shown(field: FieldSpec, value: Any) -> CallField:
    match field.kind:
        case FieldKind.RULE:
            return MisuseKind(value).name
        case FieldKind.TEXT:
            return str(value, "utf-8", "backslashreplace")
        case _:
            return cast("CallField", value)
