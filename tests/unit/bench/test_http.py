"""The web server's figures, with made-up rates; and where it cannot be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import http
from tests.stress.http_load import Load


class Closed:
    """A namespace that must be given back."""

    closed = 0

    def close(self) -> None:
        Closed.closed += 1


class Rates:
    """Like ``tests.stress.http_load.Bench``: recorded rounds are slower by a tenth."""

    def __init__(self, folder: Path, load: Load) -> None:
        assert folder.is_dir()
        assert load.engine == "native"
        self.namespace = Closed()
        self._folder = folder
        self._rate = 100.0 * load.requests

    def requests_per_second(self, *, recorded: bool) -> tuple[float, Path]:
        self._rate += 1.0
        trace = self._folder / "a.mp"
        if recorded:
            trace.write_bytes(b"trace")
        return self._rate * (0.9 if recorded else 1.0), trace


def test_rounds_are_compared_in_pairs_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "Bench", Rates)
    monkeypatch.setattr(http, "why_unavailable", lambda: "")
    monkeypatch.setattr(http.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(Closed, "closed", 0)
    figures = http.answer(tmp_path, quick=True).figures
    assert ["hvt" in figures[0].name, "spt" in figures[1].name] == [True, True]
    assert all(figure.missed for figure in figures)
    assert all(0.9 < figure.value < 0.9001 for figure in figures)
    assert Closed.closed == len(figures)
    assert list(tmp_path.rglob("*.mp")) == []


@pytest.mark.parametrize(
    ("reason", "client", "words"),
    [("not root", "/usr/bin/ab", "not root"), ("", None, "apt-get install apache2-utils")],
)
def test_what_is_missing_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    client: str | None,
    words: str,
) -> None:
    monkeypatch.setattr(http, "why_unavailable", lambda: reason)
    monkeypatch.setattr(http.shutil, "which", lambda _name: client)
    answer = http.answer(tmp_path, quick=True)
    assert answer.figures == ()
    assert words in answer.note
