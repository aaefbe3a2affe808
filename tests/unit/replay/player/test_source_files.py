from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.player import source_files
from replay.player.source_files import SOURCE_BYTES_MAX, SourceFiles


def write(path: Path, text: str = "int x;\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_absolute_path_is_read_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path / "a" / "main.c", "int main;\n")
    found = SourceFiles([]).find(str(file))
    assert (found.file, found.text, found.is_guess) == (str(file), "int main;\n", False)


def test_a_relative_path_starts_in_the_folder_of_the_compilation(tmp_path: Path) -> None:
    file = write(tmp_path / "src" / "main.c")
    found = SourceFiles([]).find("../src/main.c", f"{tmp_path}/build")
    assert found.file == str(file)


def test_a_relative_path_may_start_in_a_given_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "src" / "lib" / "pay.c")
    found = SourceFiles([tmp_path / "src"]).find("lib/pay.c", "/nowhere")
    assert (found.file, found.is_guess) == (str(file), False)


def test_below_a_folder_the_longest_end_of_a_path_counts(tmp_path: Path) -> None:
    write(tmp_path / "a" / "pay.c", "wrong")
    right = write(tmp_path / "z" / "lib" / "pay.c", "right")
    found = SourceFiles([tmp_path]).find("/build/of/others/lib/pay.c")
    assert (found.file, found.text, found.is_guess) == (str(right), "right", True)


def test_given_folders_come_before_those_beside(tmp_path: Path) -> None:
    given_file = write(tmp_path / "given" / "x" / "pay.c")
    write(tmp_path / "beside" / "lib" / "pay.c")
    files = SourceFiles([tmp_path / "given"], [tmp_path / "beside"])
    assert files.find("/lib/pay.c").file == str(given_file)


def test_it_says_where_it_looked(tmp_path: Path) -> None:
    found = SourceFiles([tmp_path]).find("/nowhere/main.c")
    assert found.file is None
    assert found.looked == (
        "/nowhere/main.c: no such file or directory",
        f"below {tmp_path}",
    )


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.c")
    (tmp_path / "folder.c").mkdir()
    files = SourceFiles([])
    for path in (tmp_path / "pipe.c", tmp_path / "folder.c", "/dev/zero", "/dev/tty"):
        found = files.find(str(path))
        assert found.file is None
        assert "not a regular file" in found.looked[0]


def test_what_became_a_pipe_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "main.c")
    os.mkfifo(tmp_path / "pipe")
    opened = os.open
    monkeypatch.setattr(os, "open", lambda _, flags: opened(tmp_path / "pipe", flags))
    assert "not a regular file" in SourceFiles([]).find(str(file)).looked[0]


def test_large_files_are_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "big.c").open("wb") as stream:
        stream.truncate(SOURCE_BYTES_MAX + 1)
    assert "too many" in SourceFiles([]).find(str(tmp_path / "big.c")).looked[0]


def test_any_bytes_are_text(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_bytes(b"a\xff\x00b")
    assert SourceFiles([]).find(str(tmp_path / "main.c")).text == "a\ufffd\0b"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "main.c", "old")
    files = SourceFiles([])
    assert files.find(str(file)).text == "old"
    file.write_text("new")
    assert files.find(str(file)).text == "old"


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "_KEPT_BYTES_MAX", 25)
    files = SourceFiles([])
    for number in range(9):
        files.find(str(write(tmp_path / f"{number}.c", "0123456789")))
    assert len(files._kept) == 2


def test_a_folder_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "_FOLDER_ENTRIES_MAX", 3)
    for number in range(9):
        write(tmp_path / "deep" / f"{number}.c")
    assert SourceFiles([tmp_path]).find("/x/5.c").file is None


def test_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "main.c")
    assert SourceFiles([tmp_path]).find("/x/main.c").file is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.text(max_size=20))
def test_no_name_breaks_it(tmp_path: Path, path: str, compiled_in: str) -> None:
    # Names that begin at the root would read this host.
    found = SourceFiles([tmp_path]).find(path.lstrip("/"), compiled_in.lstrip("/"))
    assert found.file is None


@pytest.mark.parametrize("path", ["", ".", "..", "/", "\0", "a\0b", "x" * 5000, "/" + "y" * 300])
def test_names_of_no_file(tmp_path: Path, path: str) -> None:
    assert SourceFiles([tmp_path]).find(path).file is None


def test_the_most_of_the_path_counts_in_all_folders(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for file in (near / "main.c", far / "programs" / "flaky" / "main.c"):
        file.parent.mkdir(parents=True)
        file.write_text(str(file.parent))
    found = SourceFiles((), (near, far)).find("programs/flaky/main.c", "/guest")
    assert found.text == str(far / "programs" / "flaky")


def test_a_name_alone_is_enough_only_below_a_folder_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("another")
    assert SourceFiles((), (tmp_path,)).find("src/main.c", "/home").file is None
    assert SourceFiles((tmp_path,)).find("src/main.c", "/home").text == "another"
    files = SourceFiles(())
    files.add(tmp_path)
    assert files.find("src/main.c", "/home").text == "another"
