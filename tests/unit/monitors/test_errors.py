from __future__ import annotations

import pytest

from monitors.calls.clock import WALL_CLOCK
from monitors.calls.lifecycle import DONE
from monitors.errors import (
    BadAnswer,
    BadGuestPointer,
    BadImage,
    BadManifest,
    GuestRefused,
    MonitorError,
)


@pytest.mark.parametrize("kind", [GuestRefused, BadImage, BadManifest])
def test_refusals_say_what_and_what_next(kind):
    error = kind("no manifest", hint="link one in")
    assert (error.what, error.hint) == ("no manifest", "link one in")
    assert str(error) == "no manifest (link one in)"
    assert str(kind("no manifest")) == "no manifest"
    assert isinstance(error, GuestRefused)
    assert isinstance(error, MonitorError)


def test_bad_pointer_holds_its_data():
    error = BadGuestPointer(0x1000, 8)
    assert (error.gpa, error.size) == (0x1000, 8)
    assert "0x1000, 8 bytes" in str(error)


def test_bad_answer_names_both_sides():
    error = BadAnswer(WALL_CLOCK, DONE, "expected ClockReading")
    assert (error.call, error.result, error.why) == (WALL_CLOCK, DONE, "expected ClockReading")
    assert "Done for WallClock" in str(error)
    assert isinstance(error, MonitorError)
