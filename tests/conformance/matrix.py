"""The support matrix: what the suite's tests have shown, as a page of the documentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.testing.digests import EVERY_CROSSING_BELOW, STRIDE
from replay.toolchain.programs import Program, all_programs, find_program
from tests.conformance import exchanges
from tests.conformance.exchanges import GUESTS_OF
from tests.conformance.platforms import PLATFORMS, Platform, Trial

PAGE = Path(__file__).resolve().parents[2] / "docs" / "support-matrix.md"
COMMAND = "python docs/make_support_matrix.py"

PROPERTIES = {
    "test_runs_as_it_should": "it ends, prints and sends what its case says",
    "test_replays_in_another_process": (
        "its recording replays in another process, with the same digests of registers and memory"
    ),
    "test_recorded_again_gives_equal_bytes": (
        "recorded twice under the scripted source, it gives the same file, byte for byte"
    ),
    "test_engines_agree": "its digests are those of the target's first platform",
}
"""The tests that a trial must pass, and what each shows."""

CROSSINGS = "crossings"
"""The property of a test's report that tells a run's target and name, its crossings, and those
digested."""

_OUTCOME = "outcome"
_EXCHANGE = "exchange"
_YES = "yes"


class MatrixResults:
    """A pytest plugin that notes what came of each test of ``PROPERTIES`` and of exchanges.

    ``outcomes``: by platform and run, the test's name and why it did not pass (empty: it did).
    ``exchanges``: of each, why it did not pass.
    ``crossings``: of each target's run, and how many of them were digested.
    """

    def __init__(self) -> None:
        self.outcomes: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self.exchanges: dict[exchanges.Key, str] = {}
        self.crossings: dict[tuple[str, str], tuple[int, int]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        report: pytest.TestReport = yield
        if isinstance(item, pytest.Function) and (report.when == "call" or not report.passed):
            report.user_properties += _properties(item, report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a report carries, also from another process of the same run."""
        for name, value in report.user_properties:
            if name == _OUTCOME:
                platform, run, test, why = value
                self.outcomes[platform, run][test] = why
            elif name == _EXCHANGE:
                *key, why = value
                guests, before, onto, run = key
                self.exchanges[guests, before, onto, run] = why
            elif name == CROSSINGS:
                target, run, crossings, digested = value
                self.crossings[target, run] = crossings, digested

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line for each platform, with all that was left out."""
        for platform in PLATFORMS:
            runs = [run for name, run in self.outcomes if name == platform.name]
            faults = [why for run in runs for why in self.outcomes[platform.name, run].values()]
            if runs:
                terminalreporter.write_line(
                    f"{platform.name}: {len(runs)} cases, {sum(map(bool, faults))} tests of them "
                    "skipped or failed"
                )

    def is_complete(self) -> bool:
        """Whether every trial has been through every test, and every exchange was tried."""
        tried = all(key in self.exchanges for key in exchanges.expected_keys())
        return tried and all(self.has_all_of(program.name) for program in all_programs())

    def has_all_of(self, program_name: str) -> bool:
        """Whether all trials of a program have been through every test."""
        return all(
            len(self.outcomes.get((platform.name, run), {})) == len(PROPERTIES)
            for platform in PLATFORMS
            if not platform.why_left_out(program_name)
            for run in runs_of(find_program(program_name), platform.target)
        )

    def cell(self, program: Program, platform: Platform) -> str:
        """One field of the table."""
        if why_not := program.why_not(platform.target):
            return f"no: {why_not}"
        if why_left_out := platform.why_left_out(program.name):
            return f"not run: {why_left_out}"
        reasons: dict[str, list[str]] = defaultdict(list)
        for case in program.cases(platform.target):
            outcomes = self.outcomes.get((platform.name, f"{program.name}-{case.name}"), {})
            for why in outcomes.values():
                if why and case.name not in reasons[why]:
                    reasons[why].append(case.name)
        if not any(reasons.values()):
            return _YES
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())


def _properties(item: pytest.Function, report: pytest.TestReport) -> list[tuple[str, object]]:
    """What a report is to carry, for a page that is made from it."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    trial, onto, test = params.get("trial"), params.get("onto"), item.originalname
    if not isinstance(trial, Trial):
        return []
    why = "" if report.passed else _why(report, test)
    if test in PROPERTIES:
        return [(_OUTCOME, (trial.platform.name, trial.run_name, test, why))]
    if test in GUESTS_OF and isinstance(onto, Platform):
        return [(_EXCHANGE, (*exchanges.key_of(GUESTS_OF[test], trial, onto), why))]
    return []


MATRIX_RESULTS = pytest.StashKey[MatrixResults]()


def runs_of(program: Program, target: str) -> list[str]:
    """The names of a program's runs on a target; none if it is not for it."""
    return [f"{program.name}-{case.name}" for case in program.cases(target)]


def render(results: MatrixResults) -> str:
    """The whole page, from the results of a complete run."""
    header = ["program", "cases", "crossings", "of these with digests"]
    header += [platform.name for platform in PLATFORMS]
    rows = [header, ["---", "--:", "--:", "--:", *("---" for _ in PLATFORMS)]]
    rows += [_row(results, program) for program in all_programs()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return _FRAME.format(
        command=COMMAND,
        properties="\n".join(f"- {text};" for text in PROPERTIES.values()),
        below=EVERY_CROSSING_BELOW,
        stride=STRIDE,
        table=table,
        exchanges=exchanges.render(results.exchanges),
        integers=exchanges.INTEGERS,
        platforms="\n".join(f"- **{p.name}**: {_described(p)}" for p in PLATFORMS),
    )


def rows_of(page: str) -> dict[str, str]:
    """The first table's rows by program; the header's is called ``program``."""
    lines = page[page.index("| program") :].split("\n\n", maxsplit=1)[0].splitlines()
    return {line.split(" | ")[0].strip("| `"): line for line in lines}


def cells_of(row: str) -> dict[str, str]:
    """The fields of a row of the first table that tell of platforms, by the platform's name."""
    fields = row.strip("| ").split(" | ")[-len(PLATFORMS) :]
    return {platform.name: text for platform, text in zip(PLATFORMS, fields, strict=True)}


def _row(results: MatrixResults, program: Program) -> list[str]:
    targets = {platform.target: None for platform in PLATFORMS}
    runs = [(target, run) for target in targets for run in runs_of(program, target)]
    counts = [(0, 0), *(results.crossings.get(run, (0, 0)) for run in runs)]
    totals = [str(sum(column)) for column in zip(*counts, strict=True)]
    cells = [results.cell(program, platform) for platform in PLATFORMS]
    return [f"`{program.name}`", str(len(runs)), *totals, *cells]


def _described(platform: Platform) -> str:
    given = [f"`{name}={value}`" for name, value in platform.environment.items()]
    how = f", with {' '.join(given)}" if given else ""
    return f"guests of target `{platform.target}`, engine `{platform.engine}`{how}"


def _why(report: pytest.TestReport, test: str) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return f"fails {test}"


_FRAME = """\
# Support matrix

Which guest programs run, record and replay on which monitor and engine. This page is written by
`{command}` from the results of `tests/conformance`; a test fails when it is out of date.

{table}

“yes” means of every case of a program, that

{properties}
- and the replay verified all calls and the recording's own digests.

Digests of all registers and all memory are compared after each of the first {below} crossings of a
run, and after every {stride}st beyond them.

## Recorded on one engine, replayed on another

{exchanges}

“yes” means that the replay came to the recording's end with its console output, and that after each
crossing that has digests they were equal. That a recording replays on its own engine, in another
process, is in the first table.

Where the kernel emulates KVM's guests it knows no SSE: such guests go on in Unicorn from their
first such instruction on, recorded or replayed, with a note of it in the trace. Guests
{integers} stay on KVM from beginning to end, which the tests insist on; of
these it is the first case of each program.

What was run where: everything above on x86-64 machines whose kernel (Linux 6.18) emulates KVM's
guests. No host with VMX or SVM has run it; what can differ there (RIP behind an `out`, debug exits,
DR6, what an XSAVE area holds besides) has unit tests that follow transcripts of `kvm_run`
(`tests/unit/replay/engines/kvm`).

## Platforms

{platforms}
"""
