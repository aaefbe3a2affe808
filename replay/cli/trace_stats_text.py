"""Statistics of a run as a text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from replay.cli.trace_stats import GAP_LIMITS_NS, ClockTimes, Statistics, Transfers
from replay.export.words import counted, one_line, size_text
from traces.reader import Trace

_NS_PER_S = 1_000_000_000
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_BAR_CHARS = 24
_LABEL_CHARS = 10


def stats_text(trace: Trace, found: Statistics) -> str:
    """Everything for a person to read."""
    return "\n".join(_rows(trace, found))


def stats_json(trace: Trace, found: Statistics) -> str:
    """The same as one JSON object; times in nanoseconds, rates per second of the guest's time."""
    clock = found.clock
    data = {
        "path": trace.path,
        "complete": trace.complete,
        "damage": None if found.damage is None else str(found.damage),
        "events": found.calls.total(),
        "calls": {name: _call_data(found, name) for name, _ in found.calls.most_common()},
        "console": asdict(found.console),
        "devices": [
            {
                "handle": device.handle,
                "name": device.name,
                **asdict(found.devices[device.handle]),
            }
            for device in trace.header.boot.devices
        ],
        "no_such_device": asdict(found.elsewhere),
        "polls": asdict(found.polls),
        "clock": None if clock is None else _clock_data(clock),
    }
    return json.dumps(data, indent=2)


def duration_text(ns: int) -> str:
    """Nanoseconds for people: ``2.5 ms``."""
    for size, unit in _UNITS:
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 1000 * size else f"{ns / size:.0f} {unit}"
    return f"{ns} ns"


def _call_data(found: Statistics, name: str) -> dict[str, object]:
    count, clock = found.calls[name], found.clock
    per_s = None if clock is None else clock.per_second(name)
    return {"count": count, "share": count / found.calls.total(), "per_s": per_s}


def _clock_data(clock: ClockTimes) -> dict[str, object]:
    return {
        "name": clock.name,
        "readings": clock.readings,
        "span_ns": clock.span_ns,
        "went_back": clock.went_back,
        "first_event": clock.first_event,
        "last_event": clock.last_event,
        "polls_between_readings": clock.polls,
        "polls_between_readings_ns": clock.polls_ns,
        "longest_gap": {"ns": clock.longest_ns, "before_event": clock.longest_before},
        "gaps": [
            {"below_ns": limit, "without_poll": busy, "with_poll": waiting}
            for limit, busy, waiting in zip(
                (*GAP_LIMITS_NS, None), clock.busy, clock.waiting, strict=True
            )
        ],
    }


def _rows(trace: Trace, found: Statistics) -> Iterator[str]:
    state = "DAMAGED" if found.damage else "complete" if trace.complete else "incomplete"
    yield f"{one_line(trace.path)}: {state}, {counted(found.calls.total(), 'event')}"
    if found.damage is not None:
        yield _labelled("damage", one_line(str(found.damage)))
    yield _labelled("time", _time(found))
    yield from _call_rows(found)
    yield from _device_rows(trace, found)
    yield from _waiting_rows(found)
    if found.clock is not None:
        yield from _gap_rows(found.clock)


def _labelled(label: str, text: str) -> str:
    return f"{label:<{_LABEL_CHARS}}  {text}"


def _time(found: Statistics) -> str:
    clock = found.clock
    if clock is None:
        return "not known: the guest read no clock"
    events = f"in events {clock.first_event} to {clock.last_event}"
    readings = f"{counted(clock.readings, 'reading')} of its {clock.name} {events}"
    back = f", which went back {counted(clock.went_back, 'time')}" if clock.went_back else ""
    return f"{duration_text(clock.span_ns)} of the guest's, by {readings}{back}"


def _call_rows(found: Statistics) -> Iterator[str]:
    total, clock = found.calls.total(), found.clock
    yield _labelled("calls", f"{'count':>10}  {'share':>7}  {'per second':>12}")
    for name, count in found.calls.most_common():
        per_s = None if clock is None else clock.per_second(name)
        rate = "-" if per_s is None else f"{per_s:,.1f}"
        yield _labelled("", f"{count:>10}  {count / total:>7.1%}  {rate:>12}  {name}")


def _device_rows(trace: Trace, found: Statistics) -> Iterator[str]:
    named = [("console", found.console)]
    named += [
        (f"{device.handle} {one_line(device.name)}", found.devices[device.handle])
        for device in trace.header.boot.devices
    ]
    if found.elsewhere != Transfers():
        named.append(("(no such device)", found.elsewhere))
    yield _labelled("bytes", f"{'to the guest':>24}  {'from the guest':>24}")
    for name, device in named:
        came = f"{size_text(device.bytes_in)} in {device.requests_in}"
        went = f"{size_text(device.bytes_out)} in {device.requests_out}"
        yield _labelled("", f"{came:>24}  {went:>24}  {name}{_failures(device)}")


def _failures(device: Transfers) -> str:
    empty = f", {counted(device.empty, 'read')} found nothing" if device.empty else ""
    return empty + (f", {device.refused} refused" if device.refused else "")


def _waiting_rows(found: Statistics) -> Iterator[str]:
    polls, clock = found.polls, found.clock
    if not polls.count:
        yield _labelled("waiting", "the guest never polled")
        return
    total = duration_text(polls.passed_ns)
    passed = f"; {polls.passed} found nothing until their timeouts had passed, {total} in all"
    text = passed if polls.passed else "; each found a device ready"
    yield _labelled("waiting", f"{counted(polls.count, 'poll')}{text}")
    if clock is not None and clock.polls:
        most = duration_text(clock.polls_ns)
        text = f"at most {most} for {clock.polls} of them, by the readings before and behind"
        yield _labelled("", text)


def _gap_rows(clock: ClockTimes) -> Iterator[str]:
    most = max(*clock.busy, *clock.waiting)
    if not most:
        return
    head = f"{'█ without poll':>14}  {'░ with poll':>12}"
    yield _labelled("gaps", f"{head}  between two readings of the {clock.name}")
    limits = [f"< {duration_text(limit)}" for limit in GAP_LIMITS_NS] + ["longer"]
    for limit, busy, waiting in zip(limits, clock.busy, clock.waiting, strict=True):
        if busy or waiting:
            bar = "█" * (_BAR_CHARS * busy // most) + "░" * (_BAR_CHARS * waiting // most)
            yield _labelled("", f"{busy:>14}  {waiting:>12}  {limit:<9}  {bar}".rstrip())
    longest = duration_text(clock.longest_ns)
    yield _labelled("", f"the longest: {longest}, before event {clock.longest_before}")
