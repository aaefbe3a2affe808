"""The commands for gdb, against a gdb of our own making; the real one has its own suite."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from replay.gdbstub import gdb_commands_file

SCRIPT = gdb_commands_file()


class FakeGdb(ModuleType):
    """The parts of gdb's module that the script uses."""

    BP_WATCHPOINT, BP_HARDWARE_WATCHPOINT, BP_READ_WATCHPOINT, BP_ACCESS_WATCHPOINT = range(6, 10)
    COMMAND_RUNNING = 1

    class error(Exception):  # noqa: N801 (gdb's own name)
        pass

    class GdbError(Exception):
        pass

    class Command:
        def __init__(self, name: str, _class: int) -> None:
            FakeGdb.commands[name] = self

    commands: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__("gdb")
        self.place = "0"
        self.shown = ""
        self.executed: list[str] = []
        self.points: list[Any] = []
        self.connected = True
        self.echo = False
        self.on_stop: list[Any] = []
        self.events = SimpleNamespace(stop=SimpleNamespace(connect=self.on_stop.append))

    def execute(self, line: str, to_string: bool = False) -> str:
        if line == "monitor when":
            if not self.connected:
                raise FakeGdb.error("not connected")
            return f"{self.place} of 99\n"
        self.executed.append(line)
        if line.startswith("monitor seek "):
            self.place = line.rsplit(maxsplit=1)[-1]
            if self.place == "nowhere":
                return "there is no such place\n"
        if line.startswith("info address "):
            return self.address_of(line.removeprefix("info address "))
        if line.startswith("monitor why "):
            what = line.removeprefix("monitor why ")
            return f"{what} = 5\n  a step\n" if what != "$bad" else "no such register\n"
        echoed = f"++{line}\n" if self.echo else ""
        return f"{echoed}at {self.place}\nremark\n" if line.startswith("monitor") else ""

    def address_of(self, name: str) -> str:
        if name == "nowhere":
            raise FakeGdb.error("no symbol")
        if name == "moved":
            ranges = "Range 0x10-0x20: a variable in $rbx\n  Range 0x20-0x30: a variable in $r9\n"
            return f'Symbol "moved" is multi-location:\n  {ranges}.\n'
        return f'Symbol "{name}" is a variable in $rdi.\n' if name == "kept" else "constant\n"

    def write(self, text: str) -> None:
        self.shown += text

    def breakpoints(self) -> list[Any]:
        return self.points

    def parse_and_eval(self, expression: str) -> Any:
        if expression == "(long)$pc":
            return 0x24
        kind = SimpleNamespace(sizeof=8)
        kind.strip_typedefs = lambda: kind
        return SimpleNamespace(address=0x1234 if expression == "x" else None, type=kind)


@pytest.fixture
def gdb(monkeypatch: pytest.MonkeyPatch) -> FakeGdb:
    fake = FakeGdb()
    monkeypatch.setitem(sys.modules, "gdb", fake)
    spec = importlib.util.spec_from_file_location("gdb_commands_of_gdb", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return fake


def type_(gdb: FakeGdb, line: str) -> str:
    """What is shown for a line that somebody types."""
    name = max((each for each in gdb.commands if line.startswith(each)), key=len)
    gdb.shown = ""
    gdb.commands[name].invoke(line.removeprefix(name), True)
    return gdb.shown


def test_it_needs_nothing_of_this_project() -> None:
    assert "replay." not in "".join(
        line for line in SCRIPT.read_text().splitlines() if "import" in line
    )


def test_all_commands_have_help(gdb: FakeGdb) -> None:
    expected = {"when", "seek", "checkpoint", "restart", "back", "forward", "last", "events"}
    expected |= {"console", "info checkpoints", "delete checkpoint", "forward-to", "back-to"}
    expected |= {"why", "bookmark", "info bookmarks", "delete bookmark", "note", "info notes"}
    assert expected == set(gdb.commands)
    assert all(command.__doc__.endswith(".") for command in gdb.commands.values())


def test_questions_are_passed_on(gdb: FakeGdb) -> None:
    assert type_(gdb, "when") == "0 of 99\n"
    type_(gdb, "events 3..4")
    assert gdb.executed == ["monitor events 3..4"]


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("x", "x (0x1234 8) = 5"),
        ("$rax", "$rax = 5"),
        ("kept", "kept ($rdi) = 5"),
        ("moved", "moved ($r9) = 5"),
    ],
)
def test_why(gdb: FakeGdb, expression: str, shown: str) -> None:
    assert type_(gdb, f"why {expression}") == f"{shown}\n  a step\n"
    assert not [each for each in gdb.executed if "flush" in each]


def test_why_of_what_is_nowhere(gdb: FakeGdb) -> None:
    for expression in ("", "nowhere", "5"):
        with pytest.raises(FakeGdb.GdbError):
            type_(gdb, f"why {expression}")
    assert type_(gdb, "why $bad") == "no such register\n"


def test_a_journey_is_made_known_to_gdb(gdb: FakeGdb) -> None:
    watch = SimpleNamespace(type=gdb.BP_HARDWARE_WATCHPOINT, enabled=True)
    off = SimpleNamespace(type=gdb.BP_WATCHPOINT, enabled=False)
    gdb.points = [watch, off, SimpleNamespace(type=1, enabled=True)]
    assert type_(gdb, "seek 42") == "at 42\n"
    assert gdb.executed == ["monitor seek 42", "maintenance flush register-cache", "frame"]
    assert watch.enabled
    assert not off.enabled


def test_what_gdb_echoes_is_no_answer(gdb: FakeGdb) -> None:
    gdb.echo = True
    assert type_(gdb, "seek 42") == "at 42\n"


def test_a_refused_journey_changes_nothing(gdb: FakeGdb) -> None:
    assert type_(gdb, "seek nowhere") == "there is no such place\n"
    assert gdb.executed == ["monitor seek nowhere"]


def test_back_and_forward(gdb: FakeGdb) -> None:
    for place in ("10", "20", "20", "30"):
        gdb.place = place
        gdb.on_stop[0](None)
    assert type_(gdb, "back") == "at 20\n"
    assert type_(gdb, "back") == "at 10\n"
    with pytest.raises(gdb.GdbError):
        type_(gdb, "back")
    assert type_(gdb, "forward") == "at 20\n"
    type_(gdb, "seek 5")
    with pytest.raises(gdb.GdbError):
        type_(gdb, "forward")
    assert type_(gdb, "back") == "at 20\n"


def test_without_a_connection_there_is_no_history(gdb: FakeGdb) -> None:
    gdb.connected = False
    gdb.on_stop[0](None)
    with pytest.raises(gdb.GdbError):
        type_(gdb, "back")


def test_the_last_write(gdb: FakeGdb) -> None:
    type_(gdb, "last x")
    assert gdb.executed[0] == "monitor last-write 0x1234 8"
    for line in ("last y", "last"):
        with pytest.raises(gdb.GdbError):
            type_(gdb, line)


def test_a_failure_is_an_error_of_gdbs_and_no_traceback(gdb: FakeGdb) -> None:
    gdb.connected = False
    with pytest.raises(gdb.GdbError, match="not connected"):
        type_(gdb, "when")
