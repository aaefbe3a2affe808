from __future__ import annotations

import pytest

from replay.cli.messages import say


def test_messages_go_to_stderr_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("solo5-x", "first\nsecond \x1b[31mred\x07")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "solo5-x: first\nsolo5-x: second \\x1b[31mred\\x07\n"


def test_an_empty_message_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("solo5-x", "")
    assert capsys.readouterr().err == "solo5-x: \n"
