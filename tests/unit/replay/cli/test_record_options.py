"""The command line of solo5-record, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli.record_options import BadCommandLine, parse_command_line, usage


def refusal(*words: str) -> BadCommandLine:
    with pytest.raises(BadCommandLine) as refused:
        parse_command_line(words)
    return refused.value


def test_what_is_so_if_nothing_is_said() -> None:
    options = parse_command_line(["app.hvt"])
    assert (options.guest, options.guest_arguments, options.mem_mib) == ("app.hvt", (), 512)
    assert (options.output, options.core_folder, options.embed) == (None, None, True)
    assert (options.engine, options.cpu) == ("auto", "westmere")
    assert not any((options.quiet, options.verbose, options.executable_heap, options.tui))
    assert not options.devices.overlay_all


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["app.hvt", "a", "", "b"], ("a", "", "b")),
        (["app.hvt", "--mem=1", "-q", "--"], ("--mem=1", "-q", "--")),
        (["--", "app.hvt", "--", "x"], ("--", "x")),
        (["-q", "--", "app.hvt", "--block:x"], ("--block:x",)),
        (["-o", "t.mp", "app.hvt", "-o"], ("-o",)),
        (["--mem", "8", "app.hvt", "--help"], ("--help",)),
    ],
)
def test_words_behind_the_file_are_the_guests(words: list[str], arguments: tuple[str]) -> None:
    options = parse_command_line(words)
    assert (options.guest, options.guest_arguments) == ("app.hvt", arguments)


def test_behind_two_dashes_anything_is_a_file() -> None:
    assert parse_command_line(["--", "--mem=1"]).guest == "--mem=1"


def test_the_screen_is_not_for_gdb() -> None:
    assert parse_command_line(["--tui", "a"]).tui
    assert "--tui goes without --gdb" in refusal("--tui", "--gdb=1", "a").what


def test_what_is_recorded_into() -> None:
    names = parse_command_line(["x/app.hvt"]).traces()
    assert [next(names) for _ in range(3)] == [Path("app.mp"), Path("app.2.mp"), Path("app.3.mp")]
    assert list(parse_command_line(["-o", "t", "app.hvt"]).traces()) == [Path("t")]


def test_options_of_the_recording() -> None:
    words = "-o t --engine=unicorn --cpu westmere+rdrand --strict --no-embed -q -v --dumpcore=c a"
    options = parse_command_line(words.split())
    assert (options.output, options.core_folder) == (Path("t"), Path("c"))
    assert (options.engine, options.cpu, options.embed) == ("unicorn", "westmere+rdrand", False)
    assert options.strict
    assert options.quiet
    assert options.verbose


def test_devices_stand_anywhere_before_the_file() -> None:
    devices = parse_command_line(
        ["--block-sector-size:a=4096", "-q", "--block:a=x y", "--net:b=@3", "app.hvt"]
    ).devices
    assert (devices.blocks, devices.sector_sizes) == ({"a": "x y"}, {"a": "4096"})
    assert devices.nets == {"b": "@3"}


def test_an_overlay_on_every_image() -> None:
    assert parse_command_line(["--block-overlay", "app.hvt"]).devices.overlay_all


@pytest.mark.parametrize(("given", "mib"), [("1", 1), ("0064", 64), ("4096", 4096)])
def test_memory(given: str, mib: int) -> None:
    assert parse_command_line([f"--mem={given}", "a"]).mem_mib == mib


def test_of_repeated_options_the_last_counts() -> None:
    words = ["--mem=1", "--mem=2", "-o", "a", "-o", "b", "--block:x=1", "--block:x=2", "app.hvt"]
    options = parse_command_line(words)
    assert (options.mem_mib, options.output) == (2, Path("b"))
    assert options.devices.blocks == {"x": "2"}


@pytest.mark.parametrize("mem", ["0", "000", "-1", "x", "", "1.5", "1 ", "\uff19", "9" * 5000])
def test_no_memory_at_all(mem: str) -> None:
    refused = refusal(f"--mem={mem}", "app.hvt")
    assert "not a number of MiB" in refused.what
    assert refused.guest == "app.hvt"


@pytest.mark.parametrize("words", [[], ["-q"], ["--"], ["--block:a=b"], ["-o", "t.mp"]])
def test_no_guest(words: list[str]) -> None:
    refused = refusal(*words)
    assert "which guest?" in refused.what
    assert refused.guest is None


@pytest.mark.parametrize("word", ["--bogus", "-x", "--bogus=1", "--gdbx", "-", "--quite"])
def test_unknown_options(word: str) -> None:
    refused = refusal(word, "app.hvt", "--other")
    assert "invalid option: " in refused.what
    assert word in refused.what
    assert refused.guest == "app.hvt"


@pytest.mark.parametrize("word", ["--mem", "-o", "--engine"])
def test_a_value_that_is_missing(word: str) -> None:
    assert "expected one argument" in refusal(word).what


@pytest.mark.parametrize(
    ("word", "spelling"),
    [
        ("--disk=disk.img", "--block:NAME=FILE"),
        ("--block=disk.img", "--block:NAME=FILE"),
        ("--net=tap0", "--net:NAME=TAP"),
        ("--net-mac=02:00:00:00:00:01", "--net-mac:NAME=MAC"),
        ("--block-sector-size=512", "--block-sector-size:NAME=N"),
        ("--dumpcore", "--dumpcore=DIR"),
        ("--dumpcore=", "--dumpcore=DIR"),
    ],
)
def test_spellings_of_former_times(word: str, spelling: str) -> None:
    refused = refusal(word, "app.hvt")
    assert refused.what.startswith(f"invalid option {word}: it is written {spelling}")
    assert refused.guest == "app.hvt"


def test_a_device_option_that_is_badly_written() -> None:
    refused = refusal("--block:=disk.img", "app.hvt")
    assert "is no device name" in refused.what
    assert refused.guest == "app.hvt"


@pytest.mark.parametrize(("word", "shown"), [("--help", "--block-overlay:NAME"), ("-h", "--mem")])
def test_help_is_printed_whatever_else_there_is(
    word: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_command_line(["-q", word, "app.hvt"])
    assert not ended.value.code
    assert shown in capsys.readouterr().out


def test_the_version_names_the_abi(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_command_line(["--version"])
    assert not ended.value.code
    assert capsys.readouterr().out.strip().endswith("hvt ABI version 2, spt ABI version 2")


def test_usage_is_one_line() -> None:
    assert usage() == "usage: solo5-record [OPTIONS] [--] GUEST [GUEST ARGUMENTS]"


@pytest.mark.parametrize("word", ["--x-exec-heap", "--x-exec-heap=no", "--x-exec-heapster"])
def test_an_executable_heap_is_meant_whatever_follows(word: str) -> None:
    assert parse_command_line([word, "app.spt"]).executable_heap
    assert parse_command_line(["app.spt", word]).guest_arguments == (word,)
