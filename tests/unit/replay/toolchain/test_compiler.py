"""Finding and running the host's compiler."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from replay.toolchain.compiler import BuildObserver, CompileJob, Compiler, find_compiler
from replay.toolchain.errors import StepFailed, ToolMissing

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)


def job(directory: Path, text: str) -> CompileJob:
    source = directory / "unit.c"
    source.write_text(text)
    return CompileJob(source, directory / "unit.o", directory, ((directory, "."),))


def test_a_missing_compiler_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ToolMissing, match="apt-get install nonesuch-cc binutils") as caught:
        find_compiler("nonesuch-cc", BuildObserver())
    assert caught.value.tool == "nonesuch-cc"


def test_missing_binutils_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    assert gcc is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="apt-get install binutils"):
        find_compiler(gcc, BuildObserver())


def test_a_program_that_is_no_compiler_is_refused() -> None:
    with pytest.raises(StepFailed):
        find_compiler("false", BuildObserver())


def test_observers_see_commands_and_remarks(tmp_path: Path) -> None:
    commands: list[Sequence[str]] = []
    remarks: list[str] = []
    compiler = find_compiler("gcc", BuildObserver(commands.append, remarks.append))
    compiler.compile(job(tmp_path, "int f(void) { int unused; return 0; }\n"))
    assert [command[-1] for command in commands] == [str(tmp_path / "unit.o")]
    assert "unused" in "".join(remarks)


def test_a_refused_source_gives_the_compilers_words(tmp_path: Path) -> None:
    compiler = find_compiler("gcc", BuildObserver())
    with pytest.raises(StepFailed) as caught:
        compiler.compile(job(tmp_path, "int f(void) { return missing; }\n"))
    assert "unit.c:1:" in caught.value.stderr
    assert caught.value.command[0] == compiler.cc


def test_host_headers_are_out_of_reach(tmp_path: Path) -> None:
    compiler = find_compiler("gcc", BuildObserver())
    with pytest.raises(StepFailed, match=r"stdio\.h"):
        compiler.compile(job(tmp_path, "#include <stdio.h>\n"))


def test_the_compilers_own_headers_are_in_reach(tmp_path: Path) -> None:
    compiler = find_compiler("gcc", BuildObserver())
    text = "#include <stdint.h>\n#include <stdarg.h>\n#include <stdbool.h>\nuint64_t x;\n"
    assert compiler.compile(job(tmp_path, text)).stat().st_size > 0


def test_joined_bindings_show_the_public_names_only(tmp_path: Path) -> None:
    compiler: Compiler = find_compiler("gcc", BuildObserver())
    unit = compiler.compile(job(tmp_path, "int solo5_exit(void) { return 0; }\nint log_line;\n"))
    joined = compiler.join_bindings([unit], tmp_path / "joined.o")
    from elftools.elf.elffile import ELFFile

    with joined.open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        bound = {s.name: s["st_info"]["bind"] for s in symbols}
    assert (bound["solo5_exit"], bound["log_line"]) == ("STB_GLOBAL", "STB_LOCAL")
