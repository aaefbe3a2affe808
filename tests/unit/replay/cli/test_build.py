"""The solo5-build command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from replay.cli.build import main


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc binutils"
)


def usage_error(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "solo5-build -t hvt -m manifest.json -o app.hvt app.c" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: -t/--target, -o/--output"),
        (["-t", "hvt", "-o", "x"], "name a manifest"),
        (["-t", "hvt", "-o", "x", "app.c"], "name a manifest"),
        (["-t", "hvt", "-o", "x", "-m", "m.json"], "source files"),
        (["-t", "hvt", "-o", "x", "--program", "hello", "app.c"], "name neither"),
    ],
)
def test_wrong_usage(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in usage_error(argv, capsys)


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_a_shipped_program_is_built_and_commands_are_shown(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"hello.{target}"
    assert main(["-t", target, "--program", "hello", "-o", str(output), "-v"]) == 0
    assert output.read_bytes()[:4] == b"\x7fELF"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "-c programs/hello/main.c" in shown.err
    assert f"solo5_{target}.lds" in shown.err


@needs_gcc
def test_a_refused_source_is_status_1_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.c").write_text("int f(void) { return oops; }\n")
    (tmp_path / "m.json").write_text('{"type": "solo5.manifest", "version": 1, "devices": []}')
    files = ["-m", str(tmp_path / "m.json"), "-o", str(tmp_path / "app.hvt")]
    assert main(["-t", "hvt", *files, str(tmp_path / "app.c")]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("solo5-build: gcc failed with status 1:\napp.c:")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-t", "hvt", "--program", "nonesuch"], "no program 'nonesuch'"),
        (["-t", "xen", "--program", "hello"], "unknown target 'xen'"),
        (["-t", "hvt", "--program", "hello", "--cc", "nonesuch-cc"], "install nonesuch-cc"),
    ],
)
def test_what_cannot_be_built_is_status_1(
    argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "-o", str(tmp_path / "x.hvt")]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("solo5-build: ")
    assert words in shown
