"""docs/support-matrix.md says what this suite has just shown."""

from __future__ import annotations

from tests.conformance.matrix import COMMAND, PAGE, MatrixResults, render, rows_of


def test_the_page_is_not_stale(matrix_results: MatrixResults) -> None:
    """Of a whole run of the suite, every character; of a part, the programs that were all tried,
    and that the page has a row for every program and a column for every platform."""
    page = PAGE.read_text(encoding="utf-8")
    again = f"docs/support-matrix.md is out of date; write it again: {COMMAND}"
    if matrix_results.is_complete():
        assert page == render(matrix_results), again
        return
    committed, ours = rows_of(page), rows_of(render(matrix_results))
    assert committed.keys() == ours.keys(), again
    for program, row in ours.items():
        if matrix_results.has_all_of(program):
            assert committed[program] == row, again
