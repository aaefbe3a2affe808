"""The look at a guest before it is recorded."""

from __future__ import annotations

import pytest

from monitors.elf import read_image
from monitors.errors import GuestRefused
from monitors.ports import GuestImage
from replay.cli.portability import check_portability
from tests.unit.replay.recordings import Recorder


def read(recorder: Recorder, program: str) -> tuple[bytes, GuestImage]:
    guest = recorder.guest(program)
    return guest, read_image(guest, name=program)


@pytest.mark.parametrize("engine", ["unicorn", "native"])
def test_most_guests_are_fine(
    recorder: Recorder, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for strict in (False, True):
        check_portability("p", *read(recorder, "hello"), engine, strict=strict)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("engine", ["unicorn", "native"])
def test_a_strict_recorder_refuses_and_says_where(recorder: Recorder, engine: str) -> None:
    with pytest.raises(GuestRefused) as refused:
        check_portability("p", *read(recorder, "simd"), engine, strict=True)
    assert "instructions may not run everywhere alike: 0x" in refused.value.what
    assert refused.value.what.count(" avx_add+0x") == 3
    assert ": vaddps ymm1, ymm1, ymm1" in refused.value.what
    assert "check-portability" in refused.value.hint


def test_a_processor_warns_and_an_emulator_has_no_need_to(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    guest, image = read(recorder, "simd")
    check_portability("p", guest, image, "unicorn", strict=False)
    assert capsys.readouterr().err == ""
    check_portability("p", guest, image, "native", strict=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("p: warning: recorded on native, ")
    assert "vmovaps" in line
