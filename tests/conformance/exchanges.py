"""The part of the support matrix about recordings that are replayed on another engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from replay.toolchain.programs import all_programs
from tests.conformance.integers import BESIDE_KVM, KVM, LEFT_OUT, integer_trials
from tests.conformance.platforms import (
    PLATFORMS,
    Exchange,
    Platform,
    Trial,
    all_trials,
    engines_for,
    exchanges_of,
)

INTEGERS = "built without SSE and x87"
GUESTS_OF = {
    "test_replays_on_another_engine": "",
    "test_integers_replay_on_another_engine": INTEGERS,
}
"""The tests that show exchanges, and how their guests are built; empty: as always."""

Key = tuple[str, str, str, str]
"""How the guest is built, the names of the platforms that recorded and replayed, and the run."""

_NO_PLATFORM = {("spt", "kvm"): "a guest of spt is a process, and KVM runs whole machines"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One field: the runs that are to be shown, and by name why programs are left out."""

    guests: str
    before: Platform
    onto: Platform
    runs: Sequence[str]
    holes: Mapping[str, str]


def expected_keys() -> list[Key]:
    """What a complete run has shown."""
    return [
        (cell.guests, cell.before.name, cell.onto.name, run)
        for cell in _cells()
        for run in cell.runs
    ]


def key_of(guests: str, trial: Trial, onto: Platform) -> Key:
    """Where the outcome of an exchange is kept."""
    return guests, trial.platform.name, onto.name, trial.run_name


def render(outcomes: Mapping[Key, str]) -> str:
    """The table and its notes, from why each exchange did not go well (empty: it did)."""
    shown = {(cell.guests, cell.before.name, cell.onto.name): cell for cell in _cells()}
    engines = list(dict.fromkeys(platform.engine for platform in PLATFORMS))
    rows = [["recorded on", *(f"replayed on {engine}" for engine in engines)]]
    rows.append(["---"] * len(rows[0]))
    notes: dict[str, int] = {}
    for guests, before in _recorders():
        row = [f"{before.name}, {guests}" if guests else before.name]
        for engine in engines:
            onto = next((p for p in engines_for(before.target) if p.engine == engine), None)
            cell = shown.get((guests, before.name, onto.name)) if onto else None
            row.append(_text(cell, outcomes, notes) if cell else _why_no_cell(before, engine))
        rows.append(row)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join((table, "", *(f"{number}. {text}." for text, number in notes.items())))


def _recorders() -> list[tuple[str, Platform]]:
    usual = [platform for platform in PLATFORMS if not platform.environment]
    return [("", each) for each in usual] + [(INTEGERS, each) for each in (KVM, *BESIDE_KVM)]


def _why_no_cell(before: Platform, engine: str) -> str:
    if engine == before.engine:
        return "itself"
    no = _NO_PLATFORM.get((before.target, engine))
    return f"no: {no}" if no else "above, as always built"


def _cells() -> Iterator[Cell]:
    for guests, exchanges in (("", exchanges_of(all_trials())), (INTEGERS, integer_trials())):
        runs: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        pairs: dict[tuple[str, str], Exchange] = {}
        for exchange in exchanges:
            pair = exchange.trial.platform.name, exchange.onto.name
            runs[pair].append(exchange.trial.run_name)
            pairs[pair] = exchange
        for pair, exchange in pairs.items():
            before, onto = exchange.trial.platform, exchange.onto
            yield Cell(guests, before, onto, runs[pair], _holes(guests, before, onto))


def _holes(guests: str, before: Platform, onto: Platform) -> dict[str, str]:
    """Why programs that are for the target are left out, by their names."""
    if guests == INTEGERS:
        return dict(LEFT_OUT)
    names = [each.name for each in all_programs() if not each.why_not(before.target)]
    whys = {name: before.why_left_out(name) or onto.why_left_out(name) for name in names}
    return {name: why for name, why in whys.items() if why}


def _text(cell: Cell, outcomes: Mapping[Key, str], notes: dict[str, int]) -> str:
    """``notes`` are numbered from 1; new ones are added."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for run in cell.runs:
        key = (cell.guests, cell.before.name, cell.onto.name, run)
        found[outcomes.get(key, "was not tried")].append(run)
    good = found.pop("", [])
    if not good and len(found) == 1:
        return f"no: {next(iter(found))}"
    programs = {run.partition("-")[0] for run in good}
    texts = [f"yes: {_counted(len(good), 'case')} of {_counted(len(programs), 'program')}"]
    texts += [f"{', '.join(runs)}: {why}" for why, runs in found.items()]
    if cell.holes:
        note = _about_holes(cell.holes)
        number = notes.setdefault(note, len(notes) + 1)
        texts.append(f"{_counted(len(cell.holes), 'program')} not run ({number})")
    return "; ".join(texts)


def _about_holes(holes: Mapping[str, str]) -> str:
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    for name, why in holes.items():
        left_out[why].append(f"`{name}`")
    texts = [f"{', '.join(names)}: {why}" for why, names in left_out.items()]
    return f"Not run: {'; '.join(texts)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
