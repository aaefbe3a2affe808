"""Writes docs/support-matrix.md from a run of the conformance suite.

python docs/make_support_matrix.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


class Writer:
    """A pytest plugin that writes the page when the suite has run."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Refuses results that are not those of every trial."""
        from tests.conformance.matrix import MATRIX_RESULTS, PAGE, render

        results = session.config.stash[MATRIX_RESULTS]
        if not results.is_complete():
            raise pytest.UsageError("the suite has not run to its end; nothing was written")
        PAGE.write_text(render(results), encoding="utf-8")


def main() -> int:
    """The suite's exit status."""
    folder = ROOT / "tests" / "conformance"
    suite = [str(folder / f"test_{name}.py") for name in ("programs", "elsewhere", "kvm_alone")]
    shared = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup"]
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *shared]
    return int(pytest.main([*options, *suite], plugins=[Writer()]))


if __name__ == "__main__":
    sys.exit(main())
