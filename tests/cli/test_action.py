"""The GitHub Action of this repository: its shell steps run here as a runner would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Guest
from tests.cli.programs import PATIENCE_S, run

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
ACTION = Path(__file__).resolve().parents[2] / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ (inputs|steps\.check\.outputs)\.([\w-]+) \}\}")

pytestmark = pytest.mark.slow


class Runner:
    """As much of a runner as the action needs: inputs with their defaults, outputs, variables."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.action: dict[str, Any] = yaml.safe_load(ACTION.read_text())
        defaults = {name: each["default"] for name, each in self.action["inputs"].items()}
        assert not {name.replace("_", "-") for name in inputs} - set(defaults)
        self.inputs = {**defaults, **{k.replace("_", "-"): v for k, v in inputs.items()}}
        self.folder = folder
        self.outputs: dict[str, str] = {}
        self.shown = ""
        folder.mkdir()
        tools = folder / "tools"
        tools.mkdir()
        self.put_program(tools)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
            "GITHUB_WORKSPACE": str(Path.cwd()),
            "RUNNER_TEMP": str(folder),
            **{name: str(self.file(name)) for name in ("GITHUB_PATH", "GITHUB_OUTPUT")},
            "GITHUB_STEP_SUMMARY": str(self.file("GITHUB_STEP_SUMMARY")),
        }

    def file(self, name: str) -> Path:
        """One of the files that steps write to; there from the start."""
        path = self.folder / name
        path.touch()
        return path

    def put_program(self, tools: Path) -> None:
        """The program as an installation puts it on the path."""
        script = tools / "solo5-replay"
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ACTION.parent)!r})\n"
            "from replay.cli.replay import main\n"
            "if __name__ == '__main__':\n    sys.exit(main())\n"
        )
        script.chmod(0o755)

    def run(self) -> int:
        """All shell steps whose condition holds, up to the first that fails; its status."""
        for step in self.action["runs"]["steps"]:
            if "run" in step and self.holds(step.get("if", "")):
                status = self.step(step)
                if status:
                    return status
        return 0

    def holds(self, condition: str) -> bool:
        """The one form of condition that shell steps of the action have."""
        if not condition:
            return True
        found = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) == '(\w+)' \}\}", condition)
        assert found, condition
        return self.inputs[found[1]] == found[2]

    def step(self, step: dict[str, Any]) -> int:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input must not become part of a script"
        variables = {name: self.value(text) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.shown += done.stdout + done.stderr
        lines = self.file("GITHUB_OUTPUT").read_text().splitlines()
        self.outputs.update(line.split("=", 1) for line in lines)
        return done.returncode

    def value(self, text: str) -> str:
        """An expression's value."""
        found = EXPRESSION.fullmatch(text)
        assert found, text
        return (self.inputs if found[1] == "inputs" else self.outputs)[found[2]]


@pytest.fixture
def traces(guest: Guest, here: Path) -> Path:
    """A folder with a trace of a good run and one of a failure."""
    folder = here / "some traces"
    folder.mkdir()
    run("solo5-record", "-q", "-o", f"{folder}/good.mp", guest("hello"))
    run("solo5-record", "-q", "-o", f"{folder}/bad.mp", guest("exit"), "7")
    return folder


def test_a_failure(traces: Path, here: Path) -> None:
    report = here / "report.xml"
    runner = Runner(here / "runner", traces=f"\n{traces.name}\n", junit=str(report))
    assert runner.run() == 1
    assert runner.outputs == {"status": "1"}
    assert "::error title=some traces/bad.mp%3A guest-failed::" in runner.shown
    assert "some traces/good.mp: faithful: " in runner.shown
    summary = runner.file("GITHUB_STEP_SUMMARY").read_text()
    assert "### solo5-replay: 2 traces, 1 to look at" in summary
    assert "solo5-replay 'some traces/bad.mp' --gdb -e" in summary
    assert "Solo5: exit with status 7" in summary
    assert [case.get("name") for case in ET.parse(report).iter("testcase")] == [
        "some traces/bad.mp",
        "some traces/good.mp",
    ]


def test_all_is_well(traces: Path, here: Path) -> None:
    runner = Runner(here / "runner", traces=f"{traces}/good.mp", jobs="1", engine="unicorn")
    assert (runner.run(), runner.outputs) == (0, {"status": "0"})
    assert "::error" not in runner.shown


def test_a_job_that_goes_on(traces: Path, here: Path) -> None:
    runner = Runner(here / "runner", traces=str(traces), fail="false")
    assert (runner.run(), runner.outputs) == (0, {"status": "1"})


def test_a_guest_that_was_built_anew(traces: Path, here: Path) -> None:
    inputs = {"traces": f"{traces}/bad.mp", "guest": "exit.hvt", "rebuild_ok": "true"}
    runner = Runner(here / "runner", **inputs)
    assert runner.run() == 1
    assert "input-compatible, guest failed as recorded" in runner.shown


def test_inputs_are_no_commands(traces: Path, here: Path) -> None:
    runner = Runner(here / "runner", traces="$(touch harm)\n`touch harm`\n; touch harm")
    assert runner.run() == 4
    assert not (here / "harm").exists()


def test_outputs_and_steps_are_there() -> None:
    action = yaml.safe_load(ACTION.read_text())
    assert action["runs"]["using"] == "composite"
    for name in re.findall(r"inputs\.([\w-]+)", ACTION.read_text()):
        assert name in action["inputs"]
    for step in action["runs"]["steps"]:
        assert ("run" in step) == ("shell" in step)
        assert ("run" in step) != ("uses" in step)
