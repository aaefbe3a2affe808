from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.locations import parse_location
from replay.player.source_steps import NoCaller, finish, next_line, step_line
from replay.player.standing import standing
from replay.player.stops import Break, Direction, Stop, Wanted, Why
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from replay.testing.cases import GuestShelf
from replay.toolchain.programs import find_program
from tests.unit.replay.player.debugger import gdb
from tests.unit.replay.player.walked import SOURCE, Walked, build
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

FORWARD, BACKWARD = Direction.FORWARD, Direction.BACKWARD
GDB = 13
KINDS = [("gcc", "-O0"), ("gcc", "-O2"), ("clang", "-O0"), ("clang", "-O2")]
Command = Callable[..., Stop]


@dataclass
class World:
    path: Path
    symbols: Symbols
    walked: Walked

    def line(self) -> int:
        return self.symbols.place(self.walked.registers()["rip"]).line

    def function(self) -> str:
        return self.symbols.place(self.walked.registers()["rip"]).function

    def go(self, function: str, direction: Direction = FORWARD) -> None:
        self.walked.go(self.symbols.body(self.symbols.functions(function)[0]), direction)

    def go_line(self, text: str) -> None:
        """To the beginning of the first line of the source that has this text."""
        line = 1 + next(n for n, each in enumerate(SOURCE.splitlines()) if text in each)
        rows = [row for row in self.symbols.rows_of_file("steps.c") if row.line == line]
        self.walked.go(min(row.address for row in rows if row.is_statement))

    def steps(self, command: Command, direction: Direction, count: int = 1000) -> list[int]:
        """Where each of so many steps ends, as long as they get anywhere."""
        places = []
        for _ in range(count):
            if command(self.walked, self.symbols, direction).why is not Why.REACHED:
                break
            places.append(self.walked.at)
        return places

    def pcs(self, places: Sequence[int]) -> list[int]:
        return [self.walked.states[place][0]["rip"] for place in places]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], World]:
    known: dict[tuple[str, str], World] = {}

    def world(compiler: str, level: str) -> World:
        key = compiler, level
        if key not in known:
            path = build(tmp_path_factory.mktemp("steps"), compiler, level)
            elf = path.read_bytes()
            known[key] = World(path, Symbols(elf), Walked(elf))
        known[key].walked.seek(Position(0))
        return known[key]

    return world


@pytest.fixture(params=KINDS, ids=" ".join)
def world(request: pytest.FixtureRequest, built: Callable[[str, str], World]) -> World:
    return built(*request.param)


@pytest.fixture
def plain(built: Callable[[str, str], World]) -> World:
    """Not optimised: the places are those that one reads in the source."""
    return built("gcc", "-O0")


@pytest.mark.slow
@pytest.mark.parametrize(("word", "command"), [("step", step_line), ("next", next_line)])
def test_steps_end_where_those_of_gdb_do(world: World, word: str, command: Command) -> None:
    count = 100
    told = ['printf "@%lx\\n", $pc', word]
    said = gdb(world.path, ["break run", "run", *(told * count)], only=GDB)
    # To step into an inlined call can leave gdb at the instruction where it is.
    pcs = [int(found, 16) for found in re.findall(r"(?m)^@([0-9a-f]+)$", said)]
    expected = [pc for pc, _ in groupby(pcs)]
    if not expected:
        pytest.skip("gdb cannot run programs here")
    world.go("run")
    begin = world.walked.at
    assert world.pcs([begin, *world.steps(command, FORWARD, count)])[: len(expected)] == expected
    assert len(expected) >= 7


@pytest.mark.parametrize("command", [step_line, next_line])
def test_a_step_back_is_the_inverse_of_a_step(world: World, command: Command) -> None:
    world.go("run")
    places = [world.walked.at]
    while True:
        stop = command(world.walked, world.symbols, FORWARD)
        if stop.why is not Why.REACHED or (command is next_line and world.function() != "run"):
            break
        places.append(world.walked.at)
    assert len(places) >= 6
    world.walked.seek(Position(0, places[-1]))
    assert world.steps(command, BACKWARD, len(places) - 1) == places[-2::-1]


@pytest.mark.parametrize("command", [step_line, next_line])
@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
def test_steps_get_to_the_end_from_anywhere(
    world: World, command: Command, direction: Direction
) -> None:
    end = Why.END if direction is FORWARD else Why.START
    for begin in range(0, len(world.walked.states), 61):
        world.walked.seek(Position(0, begin))
        places = [begin, *world.steps(command, direction)]
        assert places == sorted(set(places), reverse=direction is BACKWARD)
        assert command(world.walked, world.symbols, direction).why is end


def test_a_loop_in_one_line_is_one_step_and_few_journeys(plain: World) -> None:
    plain.go("loop")
    line, begin = plain.line(), plain.walked.at
    plain.walked.journeys = 0
    next_line(plain.walked, plain.symbols, FORWARD)
    assert plain.line() == line + 1
    assert plain.walked.journeys == 1
    next_line(plain.walked, plain.symbols, BACKWARD)
    assert plain.walked.at == begin
    assert plain.walked.journeys <= 16


def test_a_step_goes_over_what_has_no_lines_even_into_what_it_calls(plain: World) -> None:
    plain.go_line("hidden(leaf, 3)")
    line = plain.line()
    step_line(plain.walked, plain.symbols, FORWARD)
    assert (plain.function(), plain.line()) == ("run", line + 1)
    step_line(plain.walked, plain.symbols, BACKWARD)
    assert (plain.function(), plain.line()) == ("run", line)


@pytest.mark.parametrize("command", [step_line, next_line])
def test_code_without_lines_is_left(plain: World, command: Command) -> None:
    hidden = plain.symbols.functions("hidden")[0]
    plain.walked.go(hidden.address)
    begin = plain.walked.at
    plain.walked.step(2)
    command(plain.walked, plain.symbols, FORWARD)
    assert plain.function() == "run"
    plain.walked.seek(Position(0, begin + 2))
    command(plain.walked, plain.symbols, BACKWARD)
    assert plain.function() == "run"
    assert plain.walked.at == begin - 1


def test_finishing_leads_behind_the_call_and_back_to_it(world: World) -> None:
    for _ in range(3):
        world.go("down")
    inner = world.walked.at
    frame = world.walked.registers()["rsp"]
    assert finish(world.walked, world.symbols, FORWARD).why is Why.REACHED
    behind = world.walked.at
    assert world.function() == "down"
    assert world.walked.registers()["rsp"] > frame
    world.walked.seek(Position(0, inner))
    assert finish(world.walked, world.symbols, BACKWARD).why is Why.REACHED
    call = world.walked.at
    assert world.function() == "down"
    assert call < inner < behind
    assert world.walked.states[call + 1][0]["rip"] == world.symbols.functions("down")[0].address
    finish(world.walked, world.symbols, BACKWARD)
    finish(world.walked, world.symbols, BACKWARD)
    assert world.function() == "run"


def test_finishing_an_inlined_call(built: Callable[[str, str], World]) -> None:
    world = built("gcc", "-O2")
    inlined = world.symbols.inlined("twice")[0]
    world.walked.go(inlined.entry)
    entry = world.walked.at
    world.walked.step(1)
    inside = world.walked.at
    finish(world.walked, world.symbols, FORWARD)
    assert world.function() == "loop"
    assert not inlined.holds(world.walked.registers()["rip"])
    world.walked.seek(Position(0, inside))
    finish(world.walked, world.symbols, BACKWARD)
    assert world.walked.at == entry


def test_nothing_is_known_of_the_caller_of_the_first_function(plain: World) -> None:
    with pytest.raises(NoCaller) as caught:
        finish(plain.walked, plain.symbols, FORWARD)
    assert caught.value.address == plain.walked.registers()["rip"]
    with pytest.raises(NoCaller, match="is not known"):
        finish(plain.walked, plain.symbols, BACKWARD)


def test_without_any_symbols_steps_are_of_instructions(plain: World) -> None:
    nothing = Symbols(b"")
    for command in (step_line, next_line):
        assert command(plain.walked, nothing, FORWARD).position == Position(0, 1)
        assert command(plain.walked, nothing, BACKWARD).position == Position(0, 0)


@pytest.mark.parametrize("command", [step_line, next_line])
def test_the_ends_of_the_recording_end_a_step(plain: World, command: Command) -> None:
    assert command(plain.walked, plain.symbols, BACKWARD).why is Why.START
    plain.walked.seek(Position(0, len(plain.walked.states) - 1))
    assert command(plain.walked, plain.symbols, FORWARD).why is Why.END


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
@pytest.mark.parametrize("condition", [None, lambda _view: True])
def test_a_breakpoint_met_meanwhile_ends_a_step(
    plain: World, direction: Direction, condition: Callable[[object], bool] | None
) -> None:
    wanted = Break(plain.symbols.functions("leaf")[0].address, condition)
    plain.go_line("x += down(2)")
    if direction is BACKWARD:
        next_line(plain.walked, plain.symbols, FORWARD)
    stop = next_line(plain.walked, plain.symbols, direction, Wanted(breaks=(wanted,)))
    assert (stop.why, stop.hit) == (Why.BREAK, wanted)
    assert plain.walked.registers()["rip"] == wanted.address


def test_a_breakpoint_where_a_step_looks_anyhow_is_met_too(plain: World) -> None:
    plain.go("leaf")
    next_line(plain.walked, plain.symbols, FORWARD)
    end = plain.walked.at
    wanted = Break(plain.walked.registers()["rip"])
    for direction, begin in ((FORWARD, end - 1), (BACKWARD, end + 1)):
        plain.walked.seek(Position(0, begin))
        stop = next_line(plain.walked, plain.symbols, direction, Wanted(breaks=(wanted,)))
        assert (stop.why, stop.hit, plain.walked.at) == (Why.BREAK, wanted, end)


def test_a_breakpoint_whose_condition_fails_does_not_matter(plain: World) -> None:
    plain.go_line("x += down(2)")
    line = plain.line()
    wanted = Wanted(breaks=(Break(plain.symbols.functions("leaf")[0].address, lambda _: False),))
    assert next_line(plain.walked, plain.symbols, FORWARD, wanted).why is Why.REACHED
    assert plain.line() == line + 1
    assert next_line(plain.walked, plain.symbols, BACKWARD, wanted).why is Why.REACHED
    assert plain.line() == line


def test_a_breakpoint_in_the_middle_of_a_line_ends_a_step_back(plain: World) -> None:
    plain.go("loop")
    middle = plain.walked.at + 5
    plain.walked.seek(Position(0, middle))
    wanted = Wanted(breaks=(Break(plain.walked.registers()["rip"]),))
    plain.walked.seek(Position(0, middle - 5))
    next_line(plain.walked, plain.symbols, FORWARD)
    stop = next_line(plain.walked, plain.symbols, BACKWARD, wanted)
    assert stop.why is Why.BREAK
    assert stop.position >= Position(0, middle)


@pytest.fixture(scope="module")
def flaky(
    tmp_path_factory: pytest.TempPathFactory, shelf: GuestShelf
) -> Iterator[tuple[Timeline, Symbols]]:
    """A timeline that stands where `main` begins."""
    recording = Recorder(tmp_path_factory.mktemp("flaky"), shelf).record("flaky", "1")
    symbols = Symbols(recording.plan.guest)
    with open_trace(recording.path) as trace:
        timeline = Timeline(trace)
        (begin,) = parse_location("solo5_app_main", symbols)
        timeline.run(FORWARD, Wanted(breaks=(Break(begin),)))
        yield timeline, symbols
        timeline.close()


@pytest.mark.slow
@pytest.mark.parametrize("command", [step_line, next_line])
def test_a_recorded_guest_is_stepped_there_and_back(
    flaky: tuple[Timeline, Symbols], command: Command
) -> None:
    timeline, symbols = flaky
    begin, places = timeline.position, [timeline.position]
    while len(places) < 40 and command(timeline, symbols, FORWARD).why is Why.REACHED:
        places.append(timeline.position)
    assert len(places) >= 9
    timeline.seek(places[-1])
    for expected in places[-2::-1]:
        assert command(timeline, symbols, BACKWARD) == Stop(expected, Why.REACHED)
    assert timeline.position == begin


@pytest.mark.slow
def test_lines_of_a_recorded_guest_are_those_of_its_main_function(
    flaky: tuple[Timeline, Symbols],
) -> None:
    timeline, symbols = flaky
    begin = timeline.position
    text = (find_program("flaky").directory / "main.c").read_text().splitlines()
    seen = []
    while next_line(timeline, symbols, FORWARD).why is Why.REACHED:
        ((_, line),) = standing(timeline, symbols, into=False).lines
        seen.append(text[line - 1].strip())
    assert seen[-5:] == [
        "open_desk(&desk, (uint64_t)seed);",
        "do_business(&desk);",
        "if (!audit(&desk))",
        'print("SUCCESS\\n");',
        "return SOLO5_EXIT_SUCCESS;",
    ]
    timeline.seek(begin)
