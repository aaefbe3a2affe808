from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli import check_worker
from replay.cli.check_worker import EVENTS_SHOWN, Task, check, work
from replay.engines.registry import COUNTING_ENGINE
from replay.export.checked import Kind, decode_checked
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace


def task(path: Path, **more: object) -> Task:
    again = ("solo5-replay", str(path))
    return Task(str(path), COUNTING_ENGINE, again=again, **more)  # type: ignore[arg-type]


def test_faithful(recorder: Recorder) -> None:
    recording = recorder.record("hello", "x")
    found = check(task(recording.path))
    assert (found.kind, found.guest_status) == (Kind.FAITHFUL, 0)
    assert found.text.startswith(f"faithful: {recording.recorded.events} events and 1 state digest")
    assert (found.events, found.digests) == (recording.recorded.events, 1)
    assert found.engine == COUNTING_ENGINE
    assert found.console == found.last_events == found.backtrace == ()


def test_a_failure_comes_with_its_circumstances(recorder: Recorder) -> None:
    path = recorder.record("exit", "7").path
    found = check(task(path))
    assert (found.kind, found.guest_status) == (Kind.FAILED, 7)
    assert found.text.startswith("faithful, guest failed as recorded: ")
    assert found.text.endswith("; the guest exited with status 7")
    assert found.console[-1] == "Solo5: exit with status 7"
    with open_trace(path) as trace:
        last = trace.event_count - 1
    assert found.last_events[-1].startswith(f"#{last} Halt(status=7, ")
    assert len(found.last_events) <= EVENTS_SHOWN
    assert any("solo5_app_main" in place for place in found.backtrace)
    assert any(source.startswith("programs/exit/main.c:") for source in found.sources)
    assert found.command == f"solo5-replay {path} --gdb -e"


def test_a_broken_rule(recorder: Recorder) -> None:
    found = check(task(recorder.record("faults", "call0").path))
    assert (found.kind, found.guest_status) == (Kind.FAILED, 1)
    assert "; the guest was ended with status 1: " in found.text


def test_a_divergence(recorder: Recorder) -> None:
    path = recorder.record("hello", "one").path
    found = check(task(path, command_line=b"two"))
    assert found.kind is Kind.DIVERGED
    assert found.text.startswith("diverges at event ")
    event = found.text.split()[3].rstrip(":")
    assert found.command == f"solo5-replay {path} --until {event}"
    assert found.last_events[-1].startswith(f"#{event} ")
    assert found.backtrace


def test_another_state(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorder.record("hello")
    monkeypatch.setattr("replay.player.verifier.machine_digest", lambda _: _Other())
    found = check(task(recording.path))
    assert found.kind is Kind.DIVERGED
    assert "other registers and memory behind it" in found.text
    assert check(task(recording.path, calls_only=True)).kind is Kind.COMPATIBLE


class _Other:
    registers = memory = b"otherwise"


def test_a_guest_that_was_built_anew(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record("exit", "3")
    changed = bytearray(recording.plan.guest)
    at = changed.index(b"usage: ")  # a text that this run does not print
    changed[at : at + 5] = b"USAGE"
    guest = tmp_path / "new.hvt"
    guest.write_bytes(changed)
    assert check(task(recording.path, guest=str(guest))).kind is Kind.DIVERGED
    found = check(task(recording.path, guest=str(guest), calls_only=True))
    assert (found.kind, found.digests) == (Kind.FAILED, 0)
    assert found.text.startswith("input-compatible, guest failed as recorded: ")
    assert "states were not compared" in found.text
    assert "faithful" not in found.text


def test_a_guest_that_is_not_input_compatible(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record("exit", "3")
    guest = tmp_path / "other.hvt"
    guest.write_bytes(recorder.guest("hello"))
    found = check(task(recording.path, guest=str(guest), calls_only=True))
    assert found.kind is Kind.DIVERGED
    assert found.text.startswith("not input-compatible: diverges at event ")


def test_incomplete(recorder: Recorder) -> None:
    path = recorder.record("faults", "loop", stop_at=b"now: loop").path
    found = check(task(path))
    assert found.kind is Kind.INCOMPLETE
    assert found.text.startswith("faithful so far: ")
    assert found.last_events


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_no_trace(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a b.mp"
    if content is not None:
        path.write_bytes(content)
    found = check(task(path))
    assert found.kind is Kind.BAD_TRACE
    assert found.command == f"solo5-trace verify '{path}'"


def test_damage_in_the_middle(recorder: Recorder) -> None:
    path = recorder.record("hello").path
    data = bytearray(path.read_bytes())
    with open_trace(path) as trace:
        head = next(each for each in trace.blocks() if each.tag == "E")
    data[head.offset_bytes + head.head_bytes + 3] ^= 0x55
    path.write_bytes(data)
    found = check(task(path))
    assert found.kind is Kind.BAD_TRACE
    assert "checksum" in found.text


def test_without_its_guest(recorder: Recorder) -> None:
    found = check(task(recorder.record("hello", embed=False).path))
    assert found.kind is Kind.CANNOT_REPLAY
    assert "does not embed its guest" in found.text


def test_a_guest_that_is_not_there(recorder: Recorder) -> None:
    found = check(task(recorder.record("hello").path, guest="/no/such"))
    assert (found.kind, found.text) == (Kind.CANNOT_REPLAY, "/no/such: No such file or directory")


def test_an_engine_that_is_not_there(recorder: Recorder) -> None:
    found = check(Task(str(recorder.record("hello").path), "none"))
    assert found.kind is Kind.CANNOT_REPLAY
    assert "engine none is not available" in found.text


def test_a_time_limit(recorder: Recorder) -> None:
    path = recorder.record("compute", "1").path
    found = check(task(path, command_line=b"1000000", timeout_s=0.1))
    assert found.kind is Kind.TIMEOUT
    assert found.text.startswith("the time limit of 0.1 s has passed, at position ")
    assert found.backtrace


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "there is not enough memory"),
        (KeyError("x"), "a defect of solo5-replay: KeyError: 'x'"),
    ],
)
def test_what_should_not_happen(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_path: object) -> None:
        raise error

    monkeypatch.setattr(check_worker, "open_trace", fail)
    found = check(task(tmp_path / "a.mp"))
    assert (found.kind, found.text) == (Kind.CANNOT_REPLAY, text)


def test_work_is_a_check_that_can_be_sent(tmp_path: Path) -> None:
    assert decode_checked(work(task(tmp_path / "none.mp"))).kind is Kind.BAD_TRACE
