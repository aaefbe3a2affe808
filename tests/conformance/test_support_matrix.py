"""docs/support-matrix.md says what this suite has just shown."""

from __future__ import annotations

import pytest

from replay.engines.errors import EngineUnavailable
from replay.toolchain.programs import Program, all_programs, find_program
from tests.conformance import platforms
from tests.conformance.exchanges import expected_keys
from tests.conformance.matrix import (
    COMMAND,
    PAGE,
    PROPERTIES,
    MatrixResults,
    cells_of,
    render,
    rows_of,
    runs_of,
)
from tests.conformance.platforms import PLATFORMS, Platform, require

FIRST = PLATFORMS[0]


AGAIN = f"docs/support-matrix.md is out of date; write it again: {COMMAND}"


@pytest.mark.parametrize("program", all_programs(), ids=lambda program: program.name)
def test_a_programs_row_is_not_stale(program: Program, matrix_results: MatrixResults) -> None:
    """As far as this run has tried the program, on the platforms that there are here; that the page
    has its row in any case."""
    committed = rows_of(PAGE.read_text(encoding="utf-8"))
    assert program.name in committed, AGAIN
    if matrix_results.has_all_of(program.name):
        said = cells_of(committed[program.name])
        shown = cells_of(rows_of(render(matrix_results))[program.name])
        here = [each.name for each in PLATFORMS if not each.why_unavailable()]
        assert [said[name] for name in here] == [shown[name] for name in here], AGAIN


def test_the_rest_of_the_page_is_not_stale() -> None:
    """The header with its platforms, all text around the table, exchanges of recordings, and no row
    too many."""
    page, ours = PAGE.read_text(encoding="utf-8"), render(all_well())
    assert rows_of(page).keys() == rows_of(ours).keys(), AGAIN
    assert rows_of(page)["program"] == rows_of(ours)["program"], AGAIN
    assert _without_rows(page) == _without_rows(ours), AGAIN


def _without_rows(page: str) -> list[str]:
    rows = set(rows_of(page).values())
    return [line for line in page.splitlines() if line not in rows]


def all_well() -> MatrixResults:
    """As after a run in which every test has passed."""
    results = MatrixResults()
    results.exchanges = dict.fromkeys(expected_keys(), "")
    for platform in PLATFORMS:
        for program in all_programs():
            for run in runs_of(program, platform.target):
                results.outcomes[platform.name, run] = dict.fromkeys(PROPERTIES, "")
    return results


def test_a_run_is_complete_when_every_test_was_made() -> None:
    results = all_well()
    assert results.is_complete()
    del results.outcomes[FIRST.name, "hello-hello"][next(iter(PROPERTIES))]
    assert not results.is_complete()
    assert not results.has_all_of("hello")
    assert results.has_all_of("exit")


def test_a_run_is_complete_when_every_exchange_was_tried() -> None:
    results = all_well()
    del results.exchanges[expected_keys()[-1]]
    assert not results.is_complete()


def test_exchanges_that_did_not_go_well_are_in_their_cell() -> None:
    results = all_well()
    key = ("", "hvt on native", "hvt on kvm", "exit-seven")
    assert key in results.exchanges
    assert render(results).count("yes: 57 cases of 21 programs") == 4
    results.exchanges[key] = "no /dev/kvm"
    cell = "yes: 56 cases of 21 programs; exit-seven: no /dev/kvm; 15 programs not run (1)"
    assert f"| {cell} |" in render(results)
    del results.exchanges[key]
    assert "; exit-seven: was not tried; 15 programs" in render(results)
    results.exchanges = dict.fromkeys(expected_keys(), "no such engine here")
    assert "yes: " not in render(results)
    assert "| no: no such engine here |" in render(results)


def test_what_did_not_pass_is_in_its_row() -> None:
    results = all_well()
    assert results.cell(find_program("exit"), FIRST) == "yes"
    results.outcomes[FIRST.name, "exit-seven"]["test_engines_agree"] = "no such engine here"
    results.outcomes[FIRST.name, "exit-300"]["test_engines_agree"] = "no such engine here"
    results.outcomes[FIRST.name, "exit-256"]["test_runs_as_it_should"] = "fails"
    cell = results.cell(find_program("exit"), FIRST)
    assert cell == "seven, 300: no such engine here; 256: fails"
    assert f"| {cell} |" in rows_of(render(results))["exit"]
    assert rows_of(render(results)).keys() == {"program", "---"} | {p.name for p in all_programs()}


def test_what_a_platform_has_not_is_skipped_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Platform("hvt on nothing", "hvt", "nothing")
    with pytest.raises(pytest.skip.Exception, match=r"hvt on nothing: .*no such engine"):
        require(absent)
    unbuilt = Platform("hvt on half", "hvt", FIRST.engine, needs="replay.engines._missing")
    with pytest.raises(pytest.skip.Exception, match="is not built here"):
        require(unbuilt)
    monkeypatch.setattr(platforms, "UNSUPPORTED", {(FIRST.name, "fpu"): "no such registers"})
    with pytest.raises(pytest.skip.Exception, match="no such registers"):
        require(FIRST, "fpu")
    with pytest.raises(pytest.skip.Exception, match="has not the ability EngineUnavailable"):
        require(FIRST, "hello", EngineUnavailable)
    require(FIRST, "hello")
