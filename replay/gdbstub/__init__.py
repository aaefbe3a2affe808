"""The gdb stub: a recorded or running guest as a remote target of gdb and LLDB."""

from __future__ import annotations

from pathlib import Path


def gdb_commands_file() -> Path:
    """The script that gives gdb our commands, to be loaded with ``source``."""
    return Path(__file__).with_name("gdb_commands.py")
