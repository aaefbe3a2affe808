"""A live guest under a debugger: forward, never changed, and in the end the same run."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from replay.engines.errors import EngineFailure, NoDebugRegister
from replay.engines.ports import Access, Watchpoint
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.gdbstub.errors import Refused
from replay.gdbstub.live import LiveTarget
from replay.gdbstub.stub import Stub
from replay.gdbstub.target import CallsFunctions, Ends, Limited, Reverses
from replay.gdbstub.waker import Waker
from replay.machine.ending import Halted, Stopped
from replay.machine.errors import WaitInterrupted
from replay.machine.interpose import Interposer
from replay.machine.machine import boot_machine
from replay.machine.plan import plan_of
from replay.machine.position import Position
from replay.player.source import Replaying
from replay.player.stops import Break, View, Wanted, Watch, Why
from traces.reader import open_trace

ROOT = Path(__file__).parents[4]
NOTHING = Wanted()


class Answers:
    """The answers that `hello` once had, and what is to happen when it asks."""

    def __init__(self, source: Replaying) -> None:
        self._source = source
        self.on_call: Callable[[], object] = lambda: None
        self.said: list[str] = []

    def answer(self, call: Call) -> Result:
        self.on_call()
        return self._source.answer(call)


@pytest.fixture
def live() -> Iterator[tuple[LiveTarget, Answers]]:
    with ExitStack() as stack:
        trace = stack.enter_context(open_trace(ROOT / "traces" / "corpus" / "hello-1.0.mp"))
        guest = trace.guest()
        assert guest is not None
        machine = boot_machine(plan_of(trace.header, guest), engine_factory(COUNTING_ENGINE)())
        stack.callback(machine.close)
        answers = Answers(Replaying(trace, len))
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        stack.enter_context(theirs)
        waker = Waker(ours.fileno())
        stack.callback(waker.close)
        yield LiveTarget(Interposer(machine, answers), waker, answers.said.append), answers


def test_it_goes_to_its_end_and_stays_there(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    assert target.here().why is Why.START
    stop = target.run(NOTHING)
    assert (stop.why, stop.ending, stop.position) == (Why.END, Halted(0), Position(18))
    assert target.ending == Halted(0)
    assert target.run(NOTHING).why is Why.END
    assert target.step(NOTHING).why is Why.END
    assert target.command("when") == "behind 18 events"
    assert "monitor when" in target.command("help")


def test_breakpoints_and_their_conditions(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    target.step(NOTHING)
    start = target.registers()["rip"]
    target.step(NOTHING)
    here = target.registers()["rip"]
    assert start != here
    target.step(NOTHING)
    never = Break(here, lambda _: False)
    assert target.run(Wanted(breaks=(never,))).why is Why.END


def test_a_breakpoint_is_met(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live
    answers.on_call = target.interrupt
    assert target.run(NOTHING).why is Why.INTERRUPTED
    answers.on_call = lambda: None
    for _ in range(20):
        target.step(NOTHING)
    address = target.registers()["rip"]
    met: list[int] = []

    def condition(view: View) -> bool:
        met.append(view.registers()["rip"])
        return True

    point = Break(address, condition)
    stop = target.run(Wanted(breaks=(point,)))
    while stop.why is Why.BREAK:
        assert stop.hit is point
        stop = target.run(Wanted(breaks=(point,)))
    assert set(met) <= {address}
    assert stop.why is Why.END


def test_watched_memory_stops_steps_and_runs(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    rsp = target.registers()["rsp"]
    watch = Watch(Watchpoint(rsp - 16, 8, Access.WRITE))
    wanted = Wanted(watches=(watch,))
    stop = target.step(wanted)
    while stop.why is Why.REACHED:
        stop = target.step(wanted)
    assert (stop.why, stop.hit) == (Why.WATCH, watch)
    everywhere = Watch(Watchpoint(rsp - 64, 64, Access.READ_WRITE))
    assert target.run(Wanted(watches=(everywhere,))).why is Why.WATCH


def test_a_range_is_stepped_through(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    rip = target.registers()["rip"]
    stop = target.step_range(rip, rip + 4, NOTHING)
    assert stop.why is Why.REACHED
    assert not rip <= target.registers()["rip"] < rip + 4


def test_an_interrupt_is_for_what_runs_now(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live
    calls: list[int] = []

    def third() -> None:
        calls.append(1)
        if len(calls) == 3:
            target.interrupt()

    answers.on_call = third
    stop = target.run(NOTHING)
    assert (stop.why, stop.position) == (Why.INTERRUPTED, Position(3))
    target.interrupt()
    assert target.step(NOTHING).why is Why.REACHED


def test_nothing_can_be_changed(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live
    assert target.memory_bytes > 0
    assert (target.guest_file() or b"").startswith(b"\x7fELF")
    rsp = target.registers()["rsp"]
    content = target.read(rsp - 8, 8)
    with pytest.raises(Refused):
        target.write(rsp - 8, b"a")
    with pytest.raises(Refused):
        target.set_registers({"rax": 1})
    assert target.read(rsp - 8, 8) == content
    assert "diversions of the recording" in answers.said[0]  # gdb hides it for memory
    assert not isinstance(target, Reverses)
    assert not isinstance(target, CallsFunctions)
    target.detach()


def test_a_failing_engine_is_remembered(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live

    def fail() -> None:
        raise EngineFailure("broken")

    answers.on_call = fail
    for _ in range(2):
        with pytest.raises(Refused, match="the guest cannot go on: broken"):
            target.run(NOTHING)
    assert isinstance(target.failure, EngineFailure)


def test_a_kill_is_noted(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    assert isinstance(target, Ends)
    for packet in (b"k", b"vKill;1"):
        target.killed = False
        Stub(target).answer(packet)
        assert target.killed


def waits(target: LiveTarget, answers: Answers) -> None:
    """The next call is a wait that is interrupted."""

    def wait() -> None:
        answers.on_call = lambda: None
        target.interrupt()
        raise WaitInterrupted("waiting")

    answers.on_call = wait


def test_an_interrupted_wait_goes_on(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live
    waits(target, answers)
    stop = target.run(NOTHING)
    assert (stop.why, stop.position) == (Why.INTERRUPTED, Position(0))
    rip = target.registers()["rip"]
    waits(target, answers)
    assert target.step(NOTHING).why is Why.INTERRUPTED
    stop = target.step(NOTHING)
    assert (stop.why, stop.position, target.registers()["rip"]) == (Why.REACHED, Position(1), rip)
    assert target.run(NOTHING).ending == Halted(0)


@pytest.mark.parametrize("journey", ["run", "step_range"])
def test_a_range_that_is_not_left_can_be_interrupted(
    live: tuple[LiveTarget, Answers], journey: str
) -> None:
    target, answers = live
    waits(target, answers)
    stop = target.run(NOTHING) if journey == "run" else target.step_range(0, 1 << 64, NOTHING)
    assert (stop.why, stop.position.event) == (Why.INTERRUPTED, 0)


def test_it_goes_on_alone_whatever_was_asked_too_late(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live
    waits(target, answers)
    assert target.run(NOTHING).why is Why.INTERRUPTED
    target.interrupt()
    assert target.go_on_alone() == Halted(0)


def test_the_operator_can_stop_what_goes_on_alone(live: tuple[LiveTarget, Answers]) -> None:
    target, answers = live

    def stopped() -> None:
        raise WaitInterrupted("the operator")

    answers.on_call = stopped
    assert target.go_on_alone() == Stopped()
    assert target.run(NOTHING).why is Why.INTERRUPTED


def test_more_than_the_engine_watches_is_refused_at_once(
    live: tuple[LiveTarget, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = live
    assert isinstance(target, Limited)
    monkeypatch.setattr(target._machine.engine.__class__, "watches_max", 2)
    wide = Watch(Watchpoint(0x1000, 24, Access.WRITE))
    narrow = Watch(Watchpoint(0x1000, 16, Access.WRITE))
    target.check(Wanted(watches=(narrow,)))
    with pytest.raises(Refused, match="no more than 2 words"):
        target.check(Wanted(watches=(wide,)))
    stub = Stub(target)
    assert stub.answer(b"Z2,1000,10") == [b"OK"]
    assert stub.answer(b"Z2,2000,8")[0].startswith(b"E.the engine watches")
    assert stub.answer(b"z2,1000,10") == [b"OK"]
    assert stub.answer(b"Z2,2000,8") == [b"OK"]


def test_what_an_engine_cannot_stop_at_is_told_and_nothing_stays_set(
    live: tuple[LiveTarget, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = live
    rip = target.registers()["rip"]

    def full(_self: object, points: list[Watchpoint]) -> None:
        if points:
            raise NoDebugRegister(4, 1, [])

    monkeypatch.setattr(target._machine.engine.__class__, "set_watchpoints", full)
    stub = Stub(target)
    stub.answer(b"Z0,%x,1" % (rip + 1))
    stub.answer(b"Z2,1000,8")
    told, stop = stub.answer(b"vCont;c")
    assert b"debug registers" in bytes.fromhex(told[1:].decode())
    assert stop.startswith(b"T05")
    assert target.registers()["rip"] == rip
    assert target.go_on_alone() == Halted(0)


def test_its_exit_is_told_as_that_of_a_process(live: tuple[LiveTarget, Answers]) -> None:
    target, _ = live
    stub = Stub(target)
    assert stub.answer(b"vCont;c") == [b"W00"]
    assert target.ending == Halted(0)
