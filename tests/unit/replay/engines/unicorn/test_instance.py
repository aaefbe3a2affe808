from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from replay.engines.errors import EngineFailure, NotReproducible
from replay.engines.unicorn.callbacks import State
from replay.engines.unicorn.instance import Instance
from tests.unit.replay.engines.guests import HEAP, guest, is_compiled

LOCKED_BIT_TEST = b"\xf0\x0f\xa3\xc0"  # Unicorn 2.1 aborts when it translates this


@pytest.mark.parametrize(
    ("name", "value"),
    [("rax", (1 << 64) - 1), ("cs", 8), ("fcw", 0x37F), ("mxcsr", 0x1F80), ("xmm1", (9 << 64) | 7)],
)
def test_registers_of_every_width(name: str, value: int) -> None:
    instance = Instance()
    instance.set("rax", (1 << 64) - 1)
    instance.get("rax")
    instance.set(name, value)
    assert instance.get(name) == value & ((1 << 64) - 1)
    instance.close()


def test_an_unknown_hook_is_refused() -> None:
    instance = Instance()
    with pytest.raises(EngineFailure, match="refused a hook"):
        instance.hook(-1, 0, State(), None)
    instance.close()


def test_closing_frees_at_once_and_once() -> None:
    instance = Instance()
    reference = weakref.ref(instance.uc)
    instance.close()
    instance.close()
    instance.stop()
    del instance
    gc.collect()
    assert reference() is None


def test_stop_from_many_threads_while_closing() -> None:
    for _ in range(20):
        instance = Instance()
        threads = [threading.Thread(target=instance.stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        instance.close()
        for thread in threads:
            thread.join()


def memory_in_use() -> tuple[int, int]:
    """Address space and resident memory of this process in MiB."""
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[0]) * 4096 >> 20, int(pages[1]) * 4096 >> 20


@pytest.mark.slow
@pytest.mark.parametrize("closes", [True, False])
def test_two_hundred_engines_in_one_process(closes: bool) -> None:
    """A machine that is dropped must not stay either, nor take the process with it."""
    seen = []
    for number in range(200):
        with guest("mov ecx, 1000; 1: loop 1b; hlt") as machine:
            machine.run()
            if not closes:
                machine.engine.close = lambda: None  # type: ignore[method-assign]
        if number % 10 == 9:
            gc.collect()
            seen.append(memory_in_use())
    assert seen[-1][0] - seen[4][0] < 1500
    assert seen[-1][1] - seen[4][1] < 30


DROPPED_AT_EXIT = """
from tests.unit.replay.engines.guests import guest
kept = []
for _ in range(3):
    context = guest(b"\\xf4")
    machine = context.__enter__()
    machine.run()
    kept.append((context, machine))
print("alive")
"""


def test_engines_that_live_until_the_process_ends() -> None:
    root = Path(__file__).resolve().parents[5]
    result = subprocess.run(
        [sys.executable, "-c", DROPPED_AT_EXIT],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "alive", "")


TOO_LITTLE_ROOM = """
import resource
from replay.engines.errors import EngineUnavailable
from replay.engines.unicorn.engine import UnicornEngine
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
try:
    UnicornEngine()
except EngineUnavailable as error:
    print(error)
"""


def test_too_little_address_space_is_an_error_and_not_the_end() -> None:
    root = Path(__file__).resolve().parents[5]
    result = subprocess.run(
        [sys.executable, "-c", TOO_LITTLE_ROOM],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "address space" in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not is_compiled(), reason="only the compiled callbacks survive a crash")
class TestACrashOfUnicorn:
    def test_it_is_an_error_with_a_place(self) -> None:
        with guest(b"\x90\x90" + LOCKED_BIT_TEST) as machine:
            with pytest.raises(NotReproducible, match="SIGABRT") as caught:
                machine.run()
            assert caught.value.rip == 0x100000

    def test_the_instance_is_not_used_again(self) -> None:
        with guest(LOCKED_BIT_TEST) as machine:
            for _ in range(3):
                with pytest.raises(NotReproducible):
                    machine.run()
            machine.engine.set_registers({"rip": HEAP})
            with pytest.raises(NotReproducible):
                machine.run()
            machine.engine.interrupt()

    def test_the_next_one_works(self) -> None:
        with guest(LOCKED_BIT_TEST) as machine, pytest.raises(NotReproducible):
            machine.run()
        with guest("mov eax, 5; hlt") as machine:
            machine.run()
            assert machine["rax"] == 5

    def test_a_crash_elsewhere_still_ends_the_process(self) -> None:
        code = (
            "from tests.unit.replay.engines.guests import guest\n"
            "import os, ctypes\n"
            "with guest(b'\\xf4') as machine: machine.run()\n"
            "{}"
        )
        root = Path(__file__).resolve().parents[5]
        for act, status in (("os.abort()", -6), ("ctypes.string_at(8)", -11)):
            command = [sys.executable, "-c", code.format(act)]
            assert (
                subprocess.run(command, cwd=root, capture_output=True, check=False).returncode
                == status
            )
