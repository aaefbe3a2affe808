from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replay.cli.check_options import SERVICES
from replay.cli.check_reports import report_to_services
from replay.export.checked import Checked, Kind
from tests.unit.replay.export.test_checked import FAILED

Capture = pytest.CaptureFixture[str]
GOOD = Checked("good.mp", Kind.FAITHFUL, "fine")


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SERVICES, "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


def test_nobody_is_told_without_a_service(capsys: Capture) -> None:
    report_to_services([FAILED])
    assert capsys.readouterr() == ("", "")


def test_github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    report_to_services([GOOD, FAILED])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("::error title=a.mp%3A guest-failed::")
    assert summary.read_text().startswith("before\n### solo5-replay: 2 traces, 1 to look at\n")


def test_github_shows_ten(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    report_to_services([FAILED] * 30)
    assert capsys.readouterr().err.count("::error ") == 10


def test_the_annotation_stands_at_a_source_of_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").touch()
    sources = ("/etc/passwd:1", "../outside.c:2", "lib/none.c:3", "src/main.c:x", "src/main.c:4")
    report_to_services([replace(FAILED, sources=sources)])
    assert capsys.readouterr().err.startswith("::error file=src/main.c,line=4,title=")


def test_gitlab(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    report_to_services([GOOD, FAILED])
    shown = capsys.readouterr().err
    assert shown.count("section_start:") == shown.count("section_end:") == 1
    assert "good.mp" not in shown


def test_a_summary_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/no/such/file")
    with pytest.raises(OSError, match="No such file"):
        report_to_services([])
