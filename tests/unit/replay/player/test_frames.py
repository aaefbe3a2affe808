from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from replay.player.frames import CallFrames
from replay.player.symbols import Symbols
from tests.unit.replay.player.walked import Walked, build


@pytest.fixture(scope="module", params=["-O0", "-O2"])
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = build(tmp_path_factory.mktemp("frames"), "gcc", request.param)
    return path.read_bytes()


def words_of(walked: Walked) -> Mapping[str, int]:
    return walked.registers()


def read_word(walked: Walked, address: int) -> int | None:
    data = walked.read(address, 8)
    return None if data is None else int.from_bytes(data, "little")


def test_a_frame_is_the_same_from_the_first_instruction_to_the_last(elf: bytes) -> None:
    walked, frames = Walked(elf), CallFrames(ELFFile(io.BytesIO(elf)))
    (leaf,) = Symbols(elf).functions("leaf")
    walked.go(leaf.address)
    entered = walked.registers()
    seen = 0
    while leaf.address <= walked.registers()["rip"] < leaf.end:
        frame = frames.frame(walked.registers(), lambda address: read_word(walked, address))
        assert frame is not None
        assert frame.cfa == frames.cfa(walked.registers()) == entered["rsp"] + 8
        assert frame.start == leaf.address
        assert frame.caller["rip"] == read_word(walked, entered["rsp"])
        assert frame.caller["rbp"] == entered["rbp"]
        walked.step(1)
        seen += 1
    assert seen >= 5
    assert walked.registers()["rip"] == frame.caller["rip"]
    assert walked.registers()["rsp"] == frame.caller["rsp"]


def test_an_outer_frame_is_that_of_the_call(elf: bytes) -> None:
    walked, frames = Walked(elf), CallFrames(ELFFile(io.BytesIO(elf)))
    symbols = Symbols(elf)
    walked.go(symbols.functions("down")[0].address)
    inner = frames.frame(walked.registers(), lambda address: read_word(walked, address))
    assert inner is not None
    outer = frames.frame(inner.caller, lambda address: read_word(walked, address), innermost=False)
    assert outer is not None
    assert outer.start == symbols.functions("run")[0].address
    assert outer.cfa > inner.cfa


def test_code_that_is_not_described_has_no_frame(elf: bytes) -> None:
    walked, frames = Walked(elf), CallFrames(ELFFile(io.BytesIO(elf)))
    registers = walked.registers()  # _start has no directives for it
    assert frames.cfa(registers) is None
    assert frames.frame(registers, lambda _: 0) is None
    assert frames.cfa({**registers, "rip": 0}) is None
    assert frames.cfa({**registers, "rip": (1 << 64) - 1}) is None


def test_without_the_stack_there_is_no_caller(elf: bytes) -> None:
    walked, frames = Walked(elf), CallFrames(ELFFile(io.BytesIO(elf)))
    walked.go(Symbols(elf).functions("leaf")[0].address)
    assert frames.frame(walked.registers(), lambda _: None) is None


def test_a_frame_beneath_the_stack_pointer_is_none(elf: bytes) -> None:
    walked, frames = Walked(elf), CallFrames(ELFFile(io.BytesIO(elf)))
    walked.go(Symbols(elf).functions("leaf")[0].address)
    at_the_top = {**walked.registers(), "rsp": (1 << 64) - 8}
    assert frames.cfa(at_the_top) is None
