from __future__ import annotations

import io
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from replay.machine.position import Position
from replay.player.session import ReplaySession
from replay.player.symbols import Place, Symbol, Symbols
from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program
from tests.unit.replay.recordings import TARGET, Recorder, new_engine
from traces.reader import open_trace

REGISTERS = dict.fromkeys(
    (
        "rax",
        "rbx",
        "rcx",
        "rdx",
        "rsi",
        "rdi",
        "rbp",
        "rsp",
        "rip",
        *(f"r{n}" for n in range(8, 16)),
    ),
    0,
)


@pytest.fixture
def stopped(recorder: Recorder) -> Iterator[ReplaySession]:
    """A replay that stands where `main` prints its last line, in the call for the console."""
    recording = recorder.record("hello")
    with open_trace(recording.path) as trace:
        written = [e.index for e in trace.events() if str(e.call).startswith("ConsoleWrite(")]
        session = ReplaySession(trace, new_engine())
        session.run(Position(written[-2]))
        yield session
        session.close()


def stack_of(session: ReplaySession, symbols: Symbols) -> list[Place]:
    machine = session.machine

    def read_word(gva: int) -> int | None:
        inside = 0 <= gva <= machine.ram.size - 8
        return int.from_bytes(machine.engine.read(gva, 8), "little") if inside else None

    return symbols.call_stack(machine.engine.registers(), read_word)


def line_of(program: str, place: Place) -> str:
    text = (find_program(program).directory / place.file).read_text()
    return text.splitlines()[place.line - 1]


def test_the_call_stack_from_the_guests_entry(stopped: ReplaySession) -> None:
    places = stack_of(stopped, Symbols(stopped.machine.plan.guest))
    functions = [place.function for place in places]
    assert functions[-3:] == ["solo5_app_main", f"{TARGET}_start", "_start"]
    main = places[-3]
    assert "(" in line_of("hello", main)
    assert all(place.file and place.line for place in places)


def test_places_are_of_the_current_instruction(stopped: ReplaySession) -> None:
    place = stack_of(stopped, Symbols(stopped.machine.plan.guest))[0]
    assert place.address == stopped.machine.engine.registers()["rip"]
    assert re.fullmatch(r"0x[0-9a-f]+ \w+\+0x[0-9a-f]+ at \w+\.\w+:\d+", str(place))


def test_recursion_is_cut_somewhere(tmp_path: Path, recorder: Recorder) -> None:
    recorder.guest("hello")  # or skip where nothing can be built
    (tmp_path / "deep.c").write_text(
        '#include "solo5.h"\n'
        "__attribute__((noinline)) static int down(volatile int depth)\n"
        "{\n"
        "    if (depth == 0)\n"
        "        solo5_exit(3);\n"
        "    return down(depth - 1) + depth;\n"
        "}\n"
        "int solo5_app_main(const struct solo5_start_info *info)\n"
        "{\n"
        "    (void)info;\n"
        "    return down(100);\n"
        "}\n"
    )
    manifest = find_program("hello").manifest
    output = tmp_path / "deep.hvt"
    build_guest(BuildRequest(TARGET, manifest, output, (tmp_path / "deep.c",)))
    guest = output.read_bytes()
    recording = recorder.record("hello", changed={"guest": guest})
    with open_trace(recording.path) as trace:
        session = ReplaySession(trace, new_engine())
        session.run(Position(trace.event_count - 1))
        session.machine.engine.run()
        places = stack_of(session, Symbols(guest))
        session.close()
    assert len(places) == 32
    assert [place.line for place in places if place.function == "down"][-1] == 6


def test_without_debug_information_functions_are_named(
    stopped: ReplaySession, tmp_path: Path
) -> None:
    guest, stripped = tmp_path / "a.hvt", tmp_path / "b.hvt"
    guest.write_bytes(stopped.machine.plan.guest)
    subprocess.run(["objcopy", "--strip-debug", guest, stripped], check=True, timeout=60)
    places = stack_of(stopped, Symbols(stripped.read_bytes()))
    assert places[0].function
    assert (places[0].file, places[0].line) == ("", 0)


def test_without_symbols_the_address_remains(stopped: ReplaySession, tmp_path: Path) -> None:
    guest, stripped = tmp_path / "a.hvt", tmp_path / "b.hvt"
    guest.write_bytes(stopped.machine.plan.guest)
    subprocess.run(["objcopy", "--strip-all", guest, stripped], check=True, timeout=60)
    place = stack_of(stopped, Symbols(stripped.read_bytes()))[0]
    assert str(place) == f"{place.address:#x} ?"


@pytest.mark.parametrize("junk", [b"", b"\x7fELF", b"\x7fELF" + bytes(60), bytes(1000)])
def test_what_is_no_elf_file_has_no_names(junk: bytes) -> None:
    symbols = Symbols(junk)
    assert symbols.place(0x100000) == Place(0x100000)
    assert symbols.call_stack(REGISTERS, lambda _: 0) == [Place(0)]


def symbols_of(recorder: Recorder, program: str) -> Symbols:
    return Symbols(recorder.guest(program))


def test_functions_by_name_and_by_address(recorder: Recorder) -> None:
    symbols = symbols_of(recorder, "flaky")
    (main,) = symbols.functions("solo5_app_main")
    assert symbols.function_at(main.address) == symbols.function_at(main.end - 1) == main
    assert symbols.function_at(main.end) != main
    assert symbols.functions("solo5_app") == ()
    assert symbols.function_at(0) is None
    assert {"page_take", "solo5_app_main"} <= set(symbols.function_names())


def test_the_rows_of_a_function(recorder: Recorder) -> None:
    symbols = symbols_of(recorder, "flaky")
    (main,) = symbols.functions("solo5_app_main")
    rows = symbols.rows(main)
    assert rows[0].address == main.address
    assert all(main.address <= row.address < main.end for row in rows)
    assert symbols.row_at(main.address) == rows[0]
    assert symbols.place(main.address).path == "programs/flaky/main.c"


def test_variables_by_name(recorder: Recorder) -> None:
    symbols = symbols_of(recorder, "flaky")
    free_pages = symbols.variable("free_pages")
    assert free_pages is not None
    assert free_pages.size == 8
    desk = symbols.variable("desk")  # a static one in a function: the compiler has numbered it
    assert desk is not None
    assert re.fullmatch(r"desk\.\d+", desk.name)
    assert symbols.variable(desk.name) == desk
    assert symbols.variable("des") is None
    assert "free_pages" in symbols.variable_names()


def test_inlined_calls_and_the_scopes_around_them(recorder: Recorder) -> None:
    symbols = symbols_of(recorder, "flaky")
    (pay,) = symbols.inlined("pay")
    assert pay.call_path == "programs/flaky/main.c"
    assert line_of("flaky", Place(0, file="main.c", line=pay.call_line)).strip() == (
        "pay(desk, id, cents);"
    )
    assert [scope.name for scope in symbols.scopes(pay.entry)][:2] == ["pay_something", "pay"]
    assert symbols.scopes(0) == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["work", "work.cold", "work.cold.1", "workcold", "other"], [0, 1, 2]),
        (["twin", "twin", "twin.cold"], [0]),
    ],
)
def test_a_part_of_a_function_that_stands_elsewhere_belongs_to_it(
    names: list[str], expected: list[int]
) -> None:
    symbols = Symbols(b"")
    functions = [Symbol(16 * number, name, 8) for number, name in enumerate(names)]
    symbols.__dict__["_functions"] = functions
    whole = [functions[number] for number in expected]
    assert symbols.whole(functions[0]) == whole
    if len(whole) > 1:
        assert symbols.whole(functions[1]) == whole


def test_instructions_are_those_of_the_file(recorder: Recorder) -> None:
    symbols = symbols_of(recorder, "flaky")
    (main,) = symbols.functions("solo5_app_main")
    code = symbols.code(main.address, main.end)
    assert len(code) == main.size
    assert symbols.code(0, 16) == b""


def debug_spans(guest: bytes) -> list[tuple[int, int]]:
    """Where symbols, strings and debug information stand in a file, and the headers of sections."""
    elf = ELFFile(io.BytesIO(guest))
    names = (".symtab", ".strtab", ".shstrtab")
    spans = [
        (section["sh_offset"], section["sh_size"])
        for section in elf.iter_sections()
        if section.name.startswith((".debug", ".eh_frame")) or section.name in names
    ]
    headers = (elf["e_shoff"], elf["e_shnum"] * elf["e_shentsize"])
    return [*spans, headers, (0, 64)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_broken_debug_information_never_raises(stopped: ReplaySession, seed: int) -> None:
    """Flipped bytes in every table that is read; and noise for a whole one of them."""
    generator = random.Random(seed)
    data = bytearray(stopped.machine.plan.guest)
    spans = [span for span in debug_spans(bytes(data)) if span[1]]
    for _ in range(30):
        offset, size = generator.choice(spans)
        data[offset + generator.randrange(size)] = generator.randrange(256)
    if seed % 4 == 0:
        offset, size = generator.choice(spans)
        data[offset : offset + size] = generator.randbytes(size)
    symbols = Symbols(bytes(data))
    places = stack_of(stopped, symbols)
    assert 1 <= len(places) <= 32
    for address in (0, 0x100000, 0x100123, 2**64 - 1):
        assert symbols.place(address).address == address
        assert len(symbols.scopes(address)) <= 100
    assert isinstance(symbols.inlined("hvt_gpa"), list)
    assert isinstance(symbols.rows_of_file("main.c"), list)
    for function in symbols.functions("solo5_app_main"):
        assert symbols.body(function) >= function.address


@pytest.mark.parametrize("size", [0, 63, 1000, -1000, -1])
def test_truncated_files_never_raise(stopped: ReplaySession, size: int) -> None:
    guest = stopped.machine.plan.guest
    assert stack_of(stopped, Symbols(guest[:size]))


def test_a_stack_in_nowhere_ends(stopped: ReplaySession) -> None:
    symbols = Symbols(stopped.machine.plan.guest)
    registers = {**stopped.machine.engine.registers(), "rsp": 1 << 63}
    assert len(symbols.call_stack(registers, lambda _: None)) == 1
    assert len(symbols.call_stack(registers, lambda _: registers["rip"])) <= 32


def test_variables_by_address(recorder: Recorder) -> None:
    symbols = Symbols(recorder.guest("globals"))
    known = symbols.all_variables()
    assert list(known) == sorted(known)
    for symbol in known:
        assert symbols.variable_at(symbol.address) in known
        assert symbol in symbols.variables_within(symbol.address, symbol.end)
    counted = symbols.variable("counter") or known[0]
    assert symbols.variables_within(counted.end - 1, counted.end)[0].end == counted.end
    assert symbols.variable_at(0) is None
    assert symbols.variable_at(1 << 63) is None


def test_all_functions_in_order(recorder: Recorder) -> None:
    symbols = Symbols(recorder.guest("hello"))
    assert [f.name for f in symbols.all_functions()].count("solo5_app_main") == 1
    assert list(symbols.all_functions()) == sorted(symbols.all_functions())


def test_the_folder_of_the_compilation(recorder: Recorder) -> None:
    symbols = Symbols(recorder.guest("hello"))
    assert symbols.compiled_in(symbols.functions("solo5_app_main")[0].address) == "/guest"
    assert symbols.compiled_in(0) == ""
    assert Symbols(b"").compiled_in(0) == ""


def test_symbols_are_those_that_a_general_parser_finds(recorder: Recorder) -> None:
    guest = recorder.guest("flaky")
    table = ELFFile(io.BytesIO(guest)).get_section_by_name(".symtab")
    symbols = Symbols(guest)
    for kind, known in (
        ("STT_FUNC", symbols.all_functions()),
        ("STT_OBJECT", symbols.all_variables()),
    ):
        expected = sorted(
            Symbol(each["st_value"], each.name, each["st_size"])
            for each in table.iter_symbols()
            if each["st_info"]["type"] == kind
        )
        assert list(known) == expected


def test_names_together_are_bounded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.player.symbols._NAME_BYTES_MAX", 100)
    names = Symbols(recorder.guest("flaky")).function_names()
    assert 0 < sum(map(len, names)) <= 100
