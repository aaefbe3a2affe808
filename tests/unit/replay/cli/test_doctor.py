from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from replay.cli import doctor
from replay.cli.doctor import Finding, examine_host, render
from replay.cli.exit_codes import ReplayStatus
from replay.cli.replay import main
from replay.engines import choice
from replay.engines.errors import EngineUnavailable


def _only(monkeypatch: pytest.MonkeyPatch, *working: str) -> None:
    def why(name: str, target: str = "hvt") -> EngineUnavailable | None:
        if name in working:
            return None
        return EngineUnavailable(name, f"no {name} for {target}", f"get {name}")

    monkeypatch.setattr(choice, "why_unusable", why)


def test_a_host_with_an_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _only(monkeypatch, "unicorn")
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["engine", "kvm", "no", "hvt", "guests"]
    assert lines[1].split(maxsplit=1) == ["why:", "no kvm for hvt"]
    assert lines[2].split(maxsplit=1) == ["try:", "get kvm"]
    assert any(line.split()[:3] == ["engine", "unicorn", "yes"] for line in lines)
    assert lines[-1] == "the fastest engine for spt guests here: unicorn"


def test_a_host_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _only(monkeypatch)
    assert main(["doctor"]) == ReplayStatus.CANNOT_REPLAY
    assert "no engine for hvt guests here" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["me"], ReplayStatus.USAGE)])
def test_usage(capsys: pytest.CaptureFixture[str], words: list[str], status: int) -> None:
    assert main(["doctor", *words]) == status
    assert capsys.readouterr().out.startswith("usage: solo5-replay doctor")


def test_every_failure_has_a_reason_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(doctor, "find_spec", lambda _name: None)
    monkeypatch.setattr(doctor, "_TUN", str(tmp_path / "tun"))
    monkeypatch.setattr(doctor, "_SECCOMP_ACTIONS", tmp_path / "actions")
    monkeypatch.setattr(doctor, "_SYS_USERFAULTFD", -1)
    found = examine_host()
    assert not any(finding.works for finding in found)
    assert all(finding.detail and finding.remedy for finding in found)


def test_seccomp_without_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    actions = tmp_path / "actions"
    actions.write_text("kill_process allow\n", encoding="ascii")
    monkeypatch.setattr(doctor, "_SECCOMP_ACTIONS", actions)
    (seccomp,) = (each for each in examine_host() if each.facility == "seccomp filters")
    assert (seccomp.works, seccomp.detail) == (False, "no action trace, trap")


def test_a_device_that_may_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tun").write_bytes(b"")
    monkeypatch.setattr(doctor, "_TUN", str(tmp_path / "tun"))
    (tun,) = (each for each in examine_host() if each.facility == "TAP interfaces")
    assert tun.works


def test_what_works_needs_no_words() -> None:
    text = render([Finding("a tool", True, "use", "found", "nothing"), Finding("b", False, "use")])
    assert text == "a tool  yes  use\nb       no   use\n"
