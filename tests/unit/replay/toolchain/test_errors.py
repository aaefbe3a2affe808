"""Messages of the toolchain's errors."""

from __future__ import annotations

from replay.toolchain.errors import StepFailed, ToolchainError, ToolMissing


def test_a_missing_tool_says_what_to_install() -> None:
    error = ToolMissing("clang", "clang binutils")
    assert "sudo apt-get install clang binutils" in str(error)
    assert isinstance(error, ToolchainError)


def test_a_failed_step_keeps_command_status_and_words() -> None:
    error = StepFailed(["/usr/bin/ld", "-r"], "ld: no input files\n", status=1)
    assert str(error) == "ld failed with status 1:\nld: no input files"
    assert (error.command, error.status) == (("/usr/bin/ld", "-r"), 1)
