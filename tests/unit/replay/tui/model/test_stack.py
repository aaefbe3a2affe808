from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from replay.player.paged_view import PagedView
from replay.player.scopes import Scope
from replay.player.source_files import SourceFiles
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.code import CodeLooker
from replay.tui.model.code_rows import Form, code_rows
from replay.tui.model.registers import look_at_registers, register_rows
from replay.tui.model.rows import Role, ToCode, ToFrame
from replay.tui.model.stack import (
    FRAMES_MAX,
    backtrace_rows,
    is_behind_call,
    look_at_stack,
    word_rows,
)
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import (
    Guest,
    Named,
    built_and_standing_at,
    standing_at,
    stripped,
    texts,
)

STACK, CODE = 0x300000, 0x100000


def test_the_calls_of_a_real_guest(recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main", "solo5_console_write") as timeline:
        symbols = Symbols(timeline.guest)
        seen = look_at_stack(PagedView(timeline), symbols)
        places = symbols.call_stack(timeline.registers(), timeline.word)
        physical = [frame for frame in seen.frames if not frame.is_inlined]
        assert [frame.function for frame in physical] == [place.function for place in places]
        assert [frame.number for frame in seen.frames] == list(range(len(seen.frames)))
        assert seen.ended == "the outermost call"
        assert seen.frames[0].at == timeline.registers()["rip"]
        assert seen.frames[1].registers["rsp"] == seen.frames[0].cfa
        assert seen.frame(99) is seen.frames[-1]
        assert seen.frame(-1) is seen.frames[0]


def test_inlined_calls_are_frames(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main", "index_add") as timeline:
        at_entry = look_at_stack(timeline, Symbols(timeline.guest))
        timeline.step(1)
        symbols = Symbols(timeline.guest)
        seen = look_at_stack(PagedView(timeline), symbols)
        main = next(f for f in seen.frames if f.function == "solo5_app_main")
        scopes = [s for s in symbols.scopes(timeline.registers()["rip"]) if s.is_inlined]
        inlined = [frame.function for frame in seen.frames[: main.number]]
        assert inlined == [scope.name for scope in reversed(scopes)]
        assert all(frame.is_inlined for frame in seen.frames[: main.number])
        assert main.line == scopes[0].call_line
        assert at_entry.frames[0].function != "index_add"


def test_rows_of_the_backtrace(recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main", "solo5_console_write") as timeline:
        seen = look_at_stack(timeline, Symbols(timeline.guest))
        rows = backtrace_rows(seen, chosen=1)
        lines = texts(rows)
        assert lines[0].startswith(" #0  solo5_console_write")
        assert lines[1].startswith("▷#1  solo5_app_main  main.c:")
        assert lines[-1] == "  the outermost call"
        targets = [span.target for span in rows.line(1)]
        assert ToFrame(1) in targets
        assert ToCode(seen.frames[1].at) in targets
        assert texts(backtrace_rows(seen))[0].startswith("▶#0")


def test_words_with_returns_and_borders(recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main", "solo5_console_write") as timeline:
        symbols = Symbols(timeline.guest)
        seen = look_at_stack(PagedView(timeline), symbols)
        assert seen.words[0].address == timeline.registers()["rsp"]
        assert seen.words[0].returns
        returns = {word.meaning.value for word in seen.words if word.returns}
        assert returns >= {frame.pc for frame in seen.frames[1:]}
        borders = [word for word in seen.words if word.caller is not None]
        assert [word.caller for word in borders] == [1, 2, 3]
        lines = texts(word_rows(seen, width=100))
        assert "ret <solo5_app_main+" in lines[0]
        assert lines[1] == "-- #1 solo5_app_main"


def test_without_names_there_are_calls_all_the_same(tmp_path: Path, recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main", "solo5_console_write") as timeline:
        named = look_at_stack(timeline, Symbols(timeline.guest))
        seen = look_at_stack(timeline, Symbols(stripped(timeline.guest, tmp_path)))
        assert [frame.pc for frame in seen.frames] == [
            frame.pc for frame in named.frames if not frame.is_inlined
        ]
        assert texts(backtrace_rows(seen))[0].startswith("▶#0  0x10")
        assert seen.words[0].returns


def test_changed_words_are_marked() -> None:
    before = look_at_stack(Guest({STACK: bytes(32)}, rsp=STACK), Named())
    after = look_at_stack(Guest({STACK: bytes(8) + b"\1" + bytes(23)}, rsp=STACK), Named())
    rows = word_rows(after, before)
    lines = texts(rows)
    assert len(lines) == 4
    assert [" *0" in line for line in lines] == [False, True, False, False]
    assert Role.CHANGED in {span.role for span in rows.line(1)}


def test_a_stack_in_nowhere_says_so() -> None:
    seen = look_at_stack(Guest({}, rsp=0x123), Named())
    assert texts(word_rows(seen)) == ["no memory can be read at 0x123"]
    assert len(seen.frames) == 1
    assert "nothing tells how 0x0 was called" in texts(backtrace_rows(seen))[-1]


def test_endless_calls_are_cut(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        frame = symbols.frame(timeline.registers(), timeline.word)
        monkeypatch.setattr(symbols, "frame", lambda *_, **__: frame)
        seen = look_at_stack(timeline, symbols)
        assert len(seen.frames) == FRAMES_MAX
        assert seen.ended == f"more than {FRAMES_MAX} calls"


@pytest.mark.parametrize(
    ("code", "is_behind"),
    [
        ("9090e800000000", True),
        ("9090909090ffd0", True),
        ("909090 41ffd490", False),
        ("9090909090 41ffd4", True),
        ("90ff1500000000", True),
        ("9090909090ffe0", False),
        ("90909090909090", False),
        ("9090e8ffffff7f", False),
    ],
)
def test_what_is_behind_a_call(code: str, is_behind: bool) -> None:
    data = bytes.fromhex(code)
    guest = Guest({CODE: data + bytes(8)})
    assert is_behind_call(guest, Named(), CODE + len(data)) is is_behind
    named = Named([Symbol(CODE - 100, "elsewhere", 4)])
    assert not is_behind_call(guest, named, CODE + len(data))


@given(
    st.binary(max_size=200),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 64) - 1),
    st.integers(-5, 200),
)
def test_any_stack_is_rows(data: bytes, rsp: int, rip: int, width: int) -> None:
    for each in (rsp, STACK + rsp % 200):
        guest = Guest({STACK: data}, rsp=each, rip=rip)
        seen = look_at_stack(PagedView(guest), Named([Symbol(CODE, "f\n", 64)]))
        assert texts(backtrace_rows(seen))
        assert texts(word_rows(seen, seen, width=width))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["hvt", "spt"])
@pytest.mark.parametrize("optimization", ["0", "2"])
def test_every_step_of_real_guests_has_its_calls(
    tmp_path: Path, target: str, optimization: str
) -> None:
    with built_and_standing_at(
        tmp_path, "hello", target, optimization, "solo5_app_main"
    ) as timeline:
        symbols = Symbols(timeline.guest)
        for _ in range(200):
            seen = look_at_stack(timeline, symbols)
            functions = [frame.function for frame in seen.frames if not frame.is_inlined]
            assert functions[-3:] == ["solo5_app_main", f"{target}_start", "_start"]
            assert all(frame.path and frame.line for frame in seen.frames)
            timeline.step(1)


def test_nested_inlined_calls_without_end_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = tuple(
        Scope(f"f{n}", ((CODE, CODE + 9),), CODE, None, is_inlined=True) for n in range(5000)
    )
    symbols = Named([Symbol(CODE, "f", 9)])
    monkeypatch.setattr(symbols, "scopes", lambda _: scopes)
    seen = look_at_stack(Guest({}, rip=CODE + 1), symbols)
    assert len(seen.frames) == FRAMES_MAX
    assert seen.frames[0].function == "f4999"
    at_entry = look_at_stack(Guest({}, rip=CODE), symbols)
    assert [frame.function for frame in at_entry.frames] == ["f"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_broken_debug_information_breaks_no_pane(
    tmp_path: Path, recorder: Recorder, seed: int
) -> None:
    generator = random.Random(seed)
    with standing_at(recorder, "flaky", "solo5_app_main", "index_add") as timeline:
        data = bytearray(timeline.guest)
        tables = ELFFile(io.BytesIO(data)).get_section_by_name(".eh_frame")["sh_offset"]
        for _ in range(30):
            data[generator.randrange(tables, len(data))] = generator.randrange(256)
        symbols = Symbols(bytes(data))
        looker = CodeLooker(symbols, SourceFiles([tmp_path]))
        for _ in range(3):
            for form in Form:
                assert texts(code_rows(looker.look(timeline), form))
            stack = look_at_stack(timeline, symbols)
            assert texts(backtrace_rows(stack))
            assert texts(word_rows(stack))
            assert texts(register_rows(look_at_registers(timeline, symbols)))
            timeline.step(1)
