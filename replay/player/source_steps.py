"""Steps by source line and by frame, in both directions: into calls, over them, and out.

A step forward ends where a statement begins: at the first instruction of a row of the line table
that is a statement, in another line than before. A step back is its inverse: it ends where the
statement that was executed before begins. Neither goes instruction by instruction: breakpoints at
the statements of the function, which count in the present frame only, find the place in one run.
What has no source lines is stepped over, and so is an inlined call by ``next_line``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from replay.machine.position import Position
from replay.player.call_sites import CallSite
from replay.player.errors import PlayerError
from replay.player.marks import (
    Kind,
    Mark,
    Passed,
    Traveller,
    frame_marks,
    return_marks,
    run_to_marks,
)
from replay.player.standing import Line, Standing, sites, standing, statements
from replay.player.stops import Direction, Stop, Wanted, Why
from replay.player.symbols import Symbols

_CREPT_MAX = 1000
"""Instructions of code with lines that belongs to no function."""


class NoCaller(PlayerError):
    """Where a function returns to is not known: the file does not describe its frame."""

    def __init__(self, address: int, function: str) -> None:
        self.address = address
        where = function or f"the code at {address:#x}"
        super().__init__(f"the caller of {where} is not known; go to a place in it instead")


def step_line(
    traveller: Traveller, symbols: Symbols, direction: Direction, wanted: Wanted | None = None
) -> Stop:
    """Go to the next line, or the one before, in whatever function it is.

    ``Why.REACHED`` when it is reached; what of ``wanted`` is met before ends it, and so do the ends
    of the recording.
    """
    walk = _Walk(traveller, symbols, wanted or Wanted(), into=True)
    return walk.on() if direction is Direction.FORWARD else walk.back()


def next_line(
    traveller: Traveller, symbols: Symbols, direction: Direction, wanted: Wanted | None = None
) -> Stop:
    """The same, but over calls; from a function's end (or beginning) it leads to the caller."""
    walk = _Walk(traveller, symbols, wanted or Wanted(), into=False)
    return walk.on() if direction is Direction.FORWARD else walk.back()


def finish(
    traveller: Traveller, symbols: Symbols, direction: Direction, wanted: Wanted | None = None
) -> Stop:
    """Go out of the function: behind the call that it returns from, or back to the instruction
    that called it. Of an inlined function: to the first statement behind it, or to its beginning.

    Raises ``NoCaller`` where the file does not say how.
    """
    walk = _Walk(traveller, symbols, wanted or Wanted(), into=False)
    return walk.out() if direction is Direction.FORWARD else walk.out_back()


class _Walk:
    """One step of a traveller."""

    def __init__(
        self, traveller: Traveller, symbols: Symbols, wanted: Wanted, *, into: bool
    ) -> None:
        self._traveller = traveller
        self._symbols = symbols
        self._wanted = wanted
        self._into = into
        self._trail: list[Passed] = []  # of the last search back
        self._known_sites: dict[int | None, Sequence[CallSite]] = {}

    # ---- forward

    def on(self) -> Stop:
        """Forward to the beginning of another line."""
        here = self._here()
        if not here.has_lines:
            return self.out() if here.return_address else self._one(Direction.FORWARD)
        if here.function is None:
            return self._creep(here)
        while True:
            if self._into and any(site.address == here.pc for site in self._sites(here)):
                gone = self._follow(here)
            else:
                gone = self._on_in_function(here)
            if isinstance(gone, Stop):
                return gone
            here = gone

    def _on_in_function(self, here: Standing) -> Stop | Standing:
        """To a new line, or to where the step goes on: at a call, or in the caller."""
        lines = self._lines(here)
        others = [address for address, line in lines.items() if line not in here.lines]
        marks = [*return_marks(here), *self._marks(here, Kind.STATEMENT, others)]
        if self._into:
            calls = [site.address for site in self._sites(here)]
            marks += self._marks(here, Kind.CALL, calls)
        stop, kind = self._run(Direction.FORWARD, marks)
        if kind is Kind.CALL:
            return self._moved(here)
        return (self._in_caller(here) or stop) if kind is Kind.RETURNED else stop

    def _follow(self, here: Standing) -> Stop | Standing:
        """Over one instruction that may call: to the body of what is called if that has lines, or
        over it; behind a jump that stays in the function the step goes on."""
        stop = self._one(Direction.FORWARD)
        if stop.why is not Why.REACHED:
            return stop
        there = self._here()
        if there.is_frame_of(here):
            line = self._lines(here).get(there.pc)
            return self._moved(here) if line is None or line in here.lines else stop
        if there.has_lines:
            return self._body(there)
        return self._on_in_function(here)

    def _body(self, there: Standing) -> Stop:
        """Behind what makes the frame of the function that is just being entered."""
        body = self._symbols.body(there.parts[0]) if there.pc == there.entry else there.pc
        if body == there.pc:
            return self._arrived()
        marks = [*self._marks(there, Kind.STATEMENT, [body]), *return_marks(there)]
        return self._run(Direction.FORWARD, marks)[0]

    def _in_caller(self, before: Standing) -> Standing | None:
        """Where the step goes on in the caller; None if it ends where it has returned to."""
        here = self._here()
        row = self._symbols.row_at(here.pc)
        if row is None or here.function is None:
            return None
        if row.address != here.pc:
            return here
        if row.is_statement:
            return None if here.lines.isdisjoint(before.lines) else here
        return replace(here, lines=frozenset())

    def _creep(self, here: Standing) -> Stop:
        """By instructions, in code of which only the line table knows."""
        for _ in range(_CREPT_MAX):
            stop = self._one(Direction.FORWARD)
            line = self._line_begun()
            if stop.why is not Why.REACHED or (line and line not in here.lines):
                return stop
        return self._arrived()

    # ---- backward

    def back(self) -> Stop:
        """Back to the beginning of the line before."""
        here = self._here()
        if here.function is None:
            return self._creep_back() if here.has_lines else self._one(Direction.BACKWARD)
        if not here.has_lines:
            return self.out_back()
        counts = False  # whether a statement that begins just here is one before
        while True:
            if counts and here.pc in self._lines(here):
                gone = self._to_begin_of_line(here)
                if isinstance(gone, Stop):
                    return gone
                here = gone
            elif self._is_at_border(here):
                stop = self._one(Direction.BACKWARD)
                if stop.why is not Why.REACHED:
                    return stop
                here, counts = self._across(here)
                if counts and (here.function is None or not here.has_lines):
                    begins = not here.has_lines or self._line_begun()
                    return self._arrived() if begins else self._creep_back()
            else:
                stop, kind = self._back_in_function(here)
                if kind is None:
                    return stop
                counts = kind is Kind.STATEMENT
                here = self._here() if counts else self._moved(here)

    def _back_in_function(self, here: Standing) -> tuple[Stop, Kind | None]:
        """To the last statement, or to a border of the frame."""
        marks = self._marks(here, Kind.STATEMENT, self._lines(here))
        marks += self._borders(here)
        self._trail = []
        return run_to_marks(self._traveller, Direction.BACKWARD, marks, self._wanted, self._trail)

    def _borders(self, here: Standing) -> list[Mark]:
        """Where the frame was entered from its caller, and from what it had called."""
        marks = self._marks(here, Kind.ENTRY, [here.parts[0].address])
        if self._into:
            calls = [site.returns_to for site in self._sites(here) if not site.is_jump]
            marks += self._marks(here, Kind.CALLED, calls)
        return marks

    def _is_at_border(self, here: Standing) -> bool:
        calls = self._sites(here) if self._into else ()
        is_return = any(site.returns_to == here.pc and not site.is_jump for site in calls)
        return is_return or here.pc == here.entry

    def _across(self, here: Standing) -> tuple[Standing, bool]:
        """Where the guest stands just before a border of ``here``, and whether a step may end
        there: not in what has been called without having lines."""
        there = self._here()
        if there.is_frame_of(here) or (here.pc != here.entry and not there.has_lines):
            return self._moved(here), False
        return there, True

    def _to_begin_of_line(self, here: Standing) -> Stop | Standing:
        """From where a row of a line begins to the first of its rows that was executed in one go:
        there a step forward would have stopped. Or to what the line has called before, if one goes
        ``into`` that."""
        lines, found_at = self._lines(here), self._traveller.position
        line = lines.get(here.pc)
        called = self._called_before(here, line) if self._into else None
        if called is not None:
            return called
        begin = self._begin_on_trail(here, lines)
        if begin is not None:
            if begin != found_at:
                self._traveller.seek(begin)
            return self._arrived()
        gone = self._before_line(here, lines)
        if gone is not None:
            return gone
        if lines.get(self._moved(here).pc) != line:
            same = [address for address, each in lines.items() if each == line]
            stop, _ = self._quiet(Direction.FORWARD, self._marks(here, Kind.STATEMENT, same))
            if stop.why is Why.INTERRUPTED:
                return stop
        return self._unless_wanted(found_at)

    def _begin_on_trail(self, here: Standing, lines: Mapping[int, Line]) -> Position | None:
        """Where the line at ``here`` was begun, if the search that led here has gone by there."""
        begin = self._traveller.position
        if not self._trail or self._trail[-1][0] != begin:
            return None
        line = lines.get(here.pc)
        for position, met in reversed(self._trail):
            if not isinstance(met, Mark) or met.kind is Kind.CALLED:
                return None
            if met.kind is Kind.STATEMENT and lines.get(met.address) == line:
                begin = position
            elif met.kind is Kind.STATEMENT and met.address in lines:
                return begin
            if met.address == here.entry:
                return begin
        return None

    def _before_line(self, here: Standing, lines: Mapping[int, Line]) -> Stop | Standing | None:
        """Back to the last of what is not of the line at ``here``; None when it is there, and else
        what the line has called, or how the search has ended."""
        line = lines.get(here.pc)
        others = [address for address, each in lines.items() if each != line]
        marks = [*self._marks(here, Kind.STATEMENT, others), *self._borders(here)]
        while True:
            stop, kind = self._quiet(Direction.BACKWARD, marks)
            if stop.why is Why.INTERRUPTED:
                return stop
            if kind is not Kind.CALLED:
                return None
            called = self._called_before(self._moved(here), line)
            if isinstance(called, Standing) or (called and called.why is Why.INTERRUPTED):
                return called
            if called is not None:
                return None

    def _called_before(self, here: Standing, line: Line | None) -> Stop | Standing | None:
        """What has just returned, where it ended, if ``line`` goes on behind the call in it; a stop
        if ``line`` begins there; None if there was no call, or of nothing with lines."""
        if not self._is_at_border(here) or here.pc == here.entry:
            return None
        behind = self._traveller.position
        stop = self._one_quiet(Direction.BACKWARD)
        if stop.why is not Why.REACHED:
            return stop
        there = self._here()
        if there.has_lines and not there.is_frame_of(here):
            callee = self._traveller.position
            self._traveller.seek(behind)
            caller = self._in_caller(there)
            if caller is not None and line in caller.lines:
                self._traveller.seek(callee)
                return there
            return self._arrived()
        self._traveller.seek(behind)
        return None

    def _unless_wanted(self, found_at: Position) -> Stop:
        """Here, or at what is wanted between here and where the line was found, which is later."""
        here = self._arrived()
        if self._wanted == Wanted() or here.position >= found_at:
            return here
        self._traveller.seek(found_at)
        wanted = replace(self._wanted, until=here.position)
        stop = self._traveller.run(Direction.BACKWARD, wanted)
        return here if stop.why is Why.REACHED else stop

    def _creep_back(self) -> Stop:
        """By instructions, to where a statement begins; code without lines is left as it is."""
        for _ in range(_CREPT_MAX):
            stop = self._one(Direction.BACKWARD)
            there = self._here()
            if stop.why is not Why.REACHED or not there.has_lines or self._line_begun():
                return stop
        return self._arrived()

    # ---- out

    def out(self) -> Stop:
        """Forward until the function has returned."""
        here = self._here()
        marks = return_marks(here)
        if here.inlined:
            inner = here.inlined[-1]
            outside = self._lines(replace(here, inlined=here.inlined[:-1]))
            behind = [address for address in outside if not inner.holds(address)]
            marks += self._marks(here, Kind.STATEMENT, behind)
        if not marks:
            raise NoCaller(here.pc, here.function.name if here.function else "")
        return self._run(Direction.FORWARD, marks)[0]

    def out_back(self) -> Stop:
        """Back to the call of the function."""
        here = self._here()
        if here.entry is None:
            raise NoCaller(here.pc, "")
        marks = self._marks(here, Kind.ENTRY, [here.entry])
        if here.inlined:
            marks = [*self._marks(here, Kind.STATEMENT, [here.inlined[-1].entry]), *marks]
        if here.pc != here.entry:
            stop, kind = self._run(Direction.BACKWARD, marks)
            if kind is not Kind.ENTRY:
                return stop
        return self._one(Direction.BACKWARD)

    # ---- journeys

    def _run(self, direction: Direction, marks: Sequence[Mark]) -> tuple[Stop, Kind | None]:
        return run_to_marks(self._traveller, direction, marks, self._wanted)

    def _quiet(self, direction: Direction, marks: Sequence[Mark]) -> tuple[Stop, Kind | None]:
        """The same, but to look around: what is wanted does not end it."""
        return run_to_marks(self._traveller, direction, marks, Wanted())

    def _one(self, direction: Direction) -> Stop:
        """One instruction on or back, unless something wanted is met."""
        here = self._traveller.position
        is_back = direction is Direction.BACKWARD
        if self._wanted == Wanted() or (is_back and not here.instructions):
            return self._one_quiet(direction)
        until = replace(here, instructions=here.instructions + (-1 if is_back else 1))
        return self._traveller.run(direction, replace(self._wanted, until=until))

    def _one_quiet(self, direction: Direction) -> Stop:
        return self._traveller.step(-1 if direction is Direction.BACKWARD else 1)

    # ---- the place

    def _here(self) -> Standing:
        return standing(self._traveller, self._symbols, into=self._into)

    def _moved(self, here: Standing) -> Standing:
        """The same place in the source, as far as a step is concerned, at another instruction."""
        return replace(here, pc=self._traveller.registers()["rip"])

    def _arrived(self) -> Stop:
        return Stop(self._traveller.position, Why.REACHED)

    def _line_begun(self) -> Line | None:
        """The line of the statement that begins here."""
        pc = self._traveller.registers()["rip"]
        row = self._symbols.row_at(pc)
        begins = row is not None and row.is_statement and row.address == pc
        return (row.path, row.line) if row is not None and begins else None

    def _lines(self, here: Standing) -> Mapping[int, Line]:
        return statements(here, self._symbols, into=self._into)

    def _sites(self, here: Standing) -> Sequence[CallSite]:
        if here.entry not in self._known_sites:
            self._known_sites[here.entry] = sites(here, self._traveller)
        return self._known_sites[here.entry]

    def _marks(self, here: Standing, kind: Kind, addresses: Iterable[int]) -> list[Mark]:
        return frame_marks(self._symbols, here.cfa, kind, addresses)
