"""LLDB attaches, steps, and reads registers and memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from replay.gdbstub.server import Server
from tests.gdb.driver import PATIENCE_S, NotingTarget

_COMMANDS = """\
gdb-remote {port}
register read rip rsp cr3
thread step-inst
memory read --size 8 --format x --count 1 0x100000
process plugin packet monitor when
breakpoint set --address {address}
process continue
register read rip
detach
quit
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("lldb") is None, reason="lldb is not installed")
def test_lldb(serve: Callable[..., tuple[NotingTarget, Server]], tmp_path: Path) -> None:
    target, server = serve("hello", tcp=True)
    target.timeline.seek(target.timeline.end)
    target.timeline.step(-20)
    address = target.timeline.registers()["rip"]
    target.timeline.seek(target.timeline.start)
    script = tmp_path / "script"
    script.write_text(_COMMANDS.format(port=server.address.port, address=hex(address)))
    done = subprocess.run(
        ["lldb", "--no-lldbinit", "-b", "-s", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "cr3 = 0x0000000000002000" in done.stdout
    assert "stop reason = instruction step into" in done.stdout
    assert "0x00100000: 0x" in done.stdout
    assert "stop reason = breakpoint 1.1" in done.stdout
    assert f"rip = {address:#018x}" in done.stdout
