"""The images of guests, as their tenders and debuggers read them."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from monitors.spt.linux import Number
from replay.toolchain.bindings import TARGETS
from replay.toolchain.programs import all_programs

Built = Callable[..., tuple[Path, str]]

BASE = 0x100000
PAGE = 0x1000
X, W, R = 1, 2, 4

pytestmark = pytest.mark.slow


@pytest.fixture(params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["hvt", "spt"])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(path: Path) -> Iterator[ELFFile]:
    with path.open("rb") as stream:
        yield ELFFile(stream)


@pytest.fixture
def hello(built: Built, compiler: str, target: str) -> Iterator[ELFFile]:
    yield from opened(built("hello", compiler, target)[0])


@pytest.fixture
def tls(built: Built, compiler: str, target: str) -> Iterator[ELFFile]:
    yield from opened(built("tls", compiler, target)[0])


@pytest.fixture
def blk(built: Built, compiler: str, target: str) -> Iterator[ELFFile]:
    yield from opened(built("blk", compiler, target)[0])


def segments(elf: ELFFile, kind: str) -> list[Any]:
    return [segment for segment in elf.iter_segments() if segment["p_type"] == kind]


def symbols(elf: ELFFile) -> dict[str, Any]:
    return {symbol.name: symbol for symbol in elf.get_section_by_name(".symtab").iter_symbols()}


def test_header(hello: ELFFile) -> None:
    header = hello.header
    assert header["e_type"] == "ET_EXEC"
    assert header["e_machine"] == "EM_X86_64"
    assert header["e_entry"] == BASE + 0x20
    assert (header["e_ehsize"], header["e_phentsize"]) == (64, 56)


def test_interpreter_cannot_exist(hello: ELFFile) -> None:
    (interp,) = segments(hello, "PT_INTERP")
    assert interp["p_vaddr"] == BASE
    assert interp.data() == b"/nonexistent/solo5/".ljust(24, b"\0")


def test_flags_of_the_segments(hello: ELFFile, target: str) -> None:
    """Text and constants, data, initialised and zero; an spt guest's constants are in its text."""
    flags = [segment["p_flags"] for segment in segments(hello, "PT_LOAD")]
    text_and_constants = {"hvt": [X, R], "spt": [R | X]}[target]
    assert flags == [*text_and_constants, R | W, R, R | W]
    (tls_segment,) = segments(hello, "PT_TLS")
    assert tls_segment["p_flags"] == 0


def test_segments_obey_the_tenders_rules(hello: ELFFile) -> None:
    end = BASE
    for segment in segments(hello, "PT_LOAD"):
        if segment["p_filesz"] == 0:
            continue
        assert segment["p_align"] == PAGE
        assert segment["p_vaddr"] % PAGE == 0
        assert segment["p_vaddr"] >= end
        assert segment["p_offset"] == segment["p_vaddr"] - BASE + PAGE
        end = segment["p_vaddr"] + segment["p_memsz"]


def test_the_empty_segments_are_as_upstreams(hello: ELFFile) -> None:
    *_, tdata, bss = segments(hello, "PT_LOAD")
    assert (tdata["p_vaddr"], tdata["p_filesz"], tdata["p_memsz"]) == (0, 0, 0)
    assert bss["p_filesz"] == 0
    assert bss["p_memsz"] > 0


def test_order_and_alignment_of_the_notes(hello: ELFFile) -> None:
    notes = segments(hello, "PT_NOTE")
    sections = [
        section.name
        for note in notes
        for section in hello.iter_sections()
        if note.section_in_segment(section)
    ]
    assert sections == [
        ".note.solo5.not_openbsd",
        ".note.solo5.abi",
        ".note.solo5.manifest",
    ]
    assert [note["p_align"] for note in notes] == [4, 4, 4]


def test_openbsd_note(hello: ELFFile) -> None:
    note = hello.get_section_by_name(".note.solo5.not_openbsd").data()
    assert note == struct.pack("<3I8sI", 8, 4, 1, b"OpenBSD", 0)


def test_abi_note_says_which_target_in_version_2(hello: ELFFile, target: str) -> None:
    note = hello.get_section_by_name(".note.solo5.abi").data()
    number = {"hvt": 1, "spt": 2}[target]
    assert note == struct.pack("<3I8s4I", 6, 16, 0x31494241, b"Solo5", number, 2, 0, 0)


def test_manifest_note_with_a_device(blk: ELFFile) -> None:
    section = blk.get_section_by_name(".note.solo5.manifest")
    note = section.data()
    assert section["sh_addr"] % 8 == 0
    assert note[:24] == struct.pack("<3I8sI", 6, 0xDC, 0x3154464D, b"Solo5", 0)
    assert struct.unpack_from("<2I", note, 24) == (1, 2)
    records = [note[32 + 104 * i :][:104] for i in range(2)]
    assert records[0] == struct.pack("<68sI32x", b"", 0x40000000)
    assert records[1] == struct.pack("<68sI32x", b"storage", 1)
    assert len(note) == 32 + 2 * 104


def test_layout_symbols(hello: ELFFile) -> None:
    value = {name: symbol["st_value"] for name, symbol in symbols(hello).items()}
    *code, data, _, bss = segments(hello, "PT_LOAD")
    constants = hello.get_section_by_name(".note.solo5.manifest")["sh_addr"]
    text = hello.get_section_by_name(".text")
    assert value["_stext"] == code[0]["p_vaddr"] == BASE
    assert value["_etext"] == constants == _pages(text["sh_addr"] + text["sh_size"])
    assert value["_erodata"] == _pages(code[-1]["p_vaddr"] + code[-1]["p_memsz"])
    assert value["_erodata"] == data["p_vaddr"]
    assert value["_edata"] == value["_stdata"] == bss["p_vaddr"]
    assert value["_end"] == value["_ebss"] == bss["p_vaddr"] + _pages(bss["p_memsz"])
    assert (value["_ltdata"], value["_ltbss"]) == (0, 0)


def _pages(size: int) -> int:
    return (size + PAGE - 1) // PAGE * PAGE


def test_thread_local_data_fills_a_page(tls: ELFFile) -> None:
    value = {name: symbol["st_value"] for name, symbol in symbols(tls).items()}
    assert (value["_ltdata"], value["_ltbss"]) == (PAGE, 8)
    tdata = segments(tls, "PT_LOAD")[-2]
    assert (tdata["p_vaddr"], tdata["p_filesz"]) == (value["_stdata"], PAGE)
    assert tdata["p_flags"] == R
    assert value["_edata"] == value["_stdata"] + PAGE


def test_only_the_interface_of_the_bindings_is_global(hello: ELFFile) -> None:
    table = symbols(hello)
    for name in ("log_line", "fail_at", "manifest_find", "platform_exit"):
        assert table[name]["st_info"]["bind"] == "STB_LOCAL"
    for name in ("solo5_yield", "solo5_net_read", "_start", "__stack_chk_guard"):
        assert table[name]["st_info"]["bind"] == "STB_GLOBAL"


def test_the_guard_starts_with_its_constant(hello: ELFFile) -> None:
    symbol = symbols(hello)["__stack_chk_guard"]
    data = segments(hello, "PT_LOAD")[-3]
    start = symbol["st_value"] - data["p_vaddr"]
    assert data.data()[start : start + 8] == struct.pack("<Q", 0x00DEADBEEF0D0A00)


def test_lines_and_frames_can_be_found(hello: ELFFile) -> None:
    dwarf = hello.get_dwarf_info()
    main = symbols(hello)["solo5_app_main"]["st_value"]
    lines = {
        (entry.state.address, entry.state.line)
        for unit in dwarf.iter_CUs()
        for entry in dwarf.line_program_for_CU(unit).get_entries()
        if entry.state is not None
    }
    source = (all_programs_by_name()["hello"] / "main.c").read_text().splitlines()
    defined = next(n for n, line in enumerate(source, 1) if "solo5_app_main" in line)
    assert any(address == main and line in (defined, defined + 1) for address, line in lines)
    assert dwarf.has_EH_CFI()


def all_programs_by_name() -> dict[str, Path]:
    return {program.name: program.directory for program in all_programs()}


def test_sources_are_named_by_their_place_in_the_tree(hello: ELFFile, target: str) -> None:
    top = [unit.get_top_DIE() for unit in hello.get_dwarf_info().iter_CUs()]
    names = {Path(die.get_full_path()).as_posix() for die in top}
    assert "/guest/programs/hello/main.c" in names
    assert f"/guest/bindings/{target}/start.c" in names


ALLOWED_SO_OFTEN = {"hvt": {"rdtsc ": 4, "wrmsr ": 1}, "spt": {"rdtsc ": 2}}
FORBIDDEN = ("cpuid ", "rdrand ", "rdseed ", "rdtscp ", "xgetbv ", "in ", "hlt ", "int ")
PRIVILEGED = ("rdmsr ", "wrmsr ", "lgdt ", "lidt ", "ltr ", "out ")


def test_bindings_instructions(cache: Path, built: Built, compiler: str, target: str) -> None:
    """So many RDTSC, no other nondeterministic instruction, no vector register; and system calls
    only where a tender expects them."""
    built("hello", compiler, target)
    found: list[str] = []
    for path in sorted(cache.glob(f"**/solo5_{target}.o")):
        found = disassemble(path)
        for start, count in ALLOWED_SO_OFTEN[target].items():
            assert sum(line.startswith(start) for line in found) == count
        forbidden = FORBIDDEN + (("syscall ",) if target == "hvt" else PRIVILEGED)
        assert [line for line in found if line.startswith(forbidden)] == []
        assert [line for line in found if "mm" in line.split(" ", 1)[1]] == []
    assert found


def test_system_calls_follow_their_numbers(cache: Path, built: Built, compiler: str) -> None:
    """So that a tool can tell which one each is, and has seven bytes for a jump of its own."""
    built("hello", compiler, "spt")
    for path in sorted(cache.glob("**/solo5_spt.o")):
        found = disassemble(path)
        loads = {before for before, line in pairwise(found) if line == "syscall "}
        numbers = {int(load.removeprefix("mov eax, "), 0) for load in loads}
        assert numbers == set(Number)


def disassemble(path: Path) -> list[str]:
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    with path.open("rb") as stream:
        text = [
            section.data()
            for section in ELFFile(stream).iter_sections()
            if section.name.startswith(".text")
        ]
    return [f"{i.mnemonic} {i.op_str}" for code in text for i in decoder.disasm(code, 0)]


def test_images_are_accepted_by_our_own_loader(built: Built, compiler: str, target: str) -> None:
    from monitors.elf import AbiInfo, query_abi, query_manifest, read_image

    data = built("net", compiler, target)[0].read_bytes()
    assert read_image(data, name="net").entry == BASE + 0x20
    assert query_abi(data, name="net") == AbiInfo(target, 2)
    assert [entry.name for entry in query_manifest(data, name="net").entries] == [
        "",
        "service0",
    ]


@pytest.mark.parametrize(
    ("name", "target"),
    [(p.name, next(t for t in TARGETS if not p.why_not(t))) for p in all_programs()],
)
def test_every_program_is_built_without_a_remark(built: Built, name: str, target: str) -> None:
    assert built(name, "gcc", target)[1] == ""


@pytest.mark.skipif(
    shutil.which("clang") is None, reason="clang is not installed: apt-get install clang"
)
@pytest.mark.parametrize(
    ("name", "target"),
    [
        *((name, "hvt") for name in ("fpu", "tls", "rdtscp", "faults", "net")),
        *((name, "spt") for name in ("sptfaults", "syscalls", "net")),
    ],
)
def test_clang_builds_them_too(built: Built, name: str, target: str) -> None:
    assert built(name, "clang", target)[1] == ""
