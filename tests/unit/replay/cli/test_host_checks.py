"""Facilities with a host in every state; and this one, whatever it has."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from replay.cli import host_checks
from replay.cli.host_checks import Finding, examine_host
from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api
from replay.engines.native.child import Child


def found(facility: str) -> Finding:
    (finding,) = (each for each in examine_host() if each.facility == facility)
    return finding


def test_every_facility_is_named_once() -> None:
    names = [finding.facility for finding in examine_host()]
    assert len(names) == len(set(names)) == 15


def test_what_does_not_work_here_has_a_reason_and_a_remedy() -> None:
    missing = [finding for finding in examine_host() if not finding.works]
    assert all(finding.detail and finding.remedy for finding in missing)


def test_every_failure_has_a_reason_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> Child:
        raise EngineUnavailable("native", "ptrace is not permitted", "permit it")

    def refuse_memory(*_: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(host_checks, "find_spec", lambda _name: None)
    monkeypatch.setattr(host_checks, "_TUN", str(tmp_path / "tun"))
    monkeypatch.setattr(host_checks, "_SECCOMP_ACTIONS", tmp_path / "actions")
    monkeypatch.setattr(host_checks, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(host_checks, "_SYS_USERFAULTFD", -1)
    monkeypatch.setattr("replay.engines.native.child.Child", refuse)
    monkeypatch.setattr(os, "memfd_create", refuse_memory)
    monkeypatch.setattr(api, "DEVICE", str(tmp_path / "kvm"))
    monkeypatch.setenv("TERM", "dumb")
    findings = examine_host()
    assert [finding.facility for finding in findings if finding.works] == []
    assert all(finding.detail and finding.remedy for finding in findings)


def test_seccomp_without_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    actions = tmp_path / "actions"
    actions.write_text("kill_process allow\n", encoding="ascii")
    monkeypatch.setattr(host_checks, "_SECCOMP_ACTIONS", actions)
    seccomp = found("seccomp filters")
    assert (seccomp.works, seccomp.detail) == (False, "no action trace, trap")


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [("0\n", "permit it"), ("1\n", "permit it"), ("3\n", "sysctl"), ("?", "permit it")],
)
def test_yama_is_named_where_it_forbids(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scope: str, remedy: str
) -> None:
    def refuse(*_: object) -> Child:
        raise EngineUnavailable("native", "ptrace is not permitted", "permit it")

    (tmp_path / "scope").write_text(scope, encoding="ascii")
    monkeypatch.setattr(host_checks, "_YAMA", tmp_path / "scope")
    monkeypatch.setattr("replay.engines.native.child.Child", refuse)
    ptrace = found("ptrace")
    assert not ptrace.works
    assert ptrace.remedy.startswith(remedy)
    assert ("Yama's ptrace_scope is 3" in ptrace.detail) == (remedy == "sysctl")


def test_a_device_that_may_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tun").write_bytes(b"")
    monkeypatch.setattr(host_checks, "_TUN", str(tmp_path / "tun"))
    assert found("TAP interfaces").works


@pytest.mark.parametrize(("capabilities", "has"), [("0000000000001000", True), ("0", False)])
def test_capabilities(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capabilities: str, has: bool
) -> None:
    (tmp_path / "status").write_text(f"Name:\tx\nCapEff:\t{capabilities}\n", encoding="ascii")
    monkeypatch.setattr(host_checks, "_STATUS", tmp_path / "status")
    assert found("CAP_NET_ADMIN").works is has


def test_what_building_the_compiled_parts_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(host_checks, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    assert found("compiled agent").remedy.startswith("install Python's headers (python3-dev), then")
    (tmp_path / "Python.h").write_text("", encoding="ascii")
    assert found("compiled hooks").remedy.startswith("install this package again")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert found("compiled events").remedy.startswith("install a C compiler, then")


@pytest.mark.parametrize(
    ("is_terminal", "kind", "detail"),
    [(True, "xterm", ""), (True, "dumb", "it can show"), (False, "xterm", "standard error")],
)
def test_terminals(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, kind: str, detail: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setenv("TERM", kind)
    terminal = found("terminal")
    assert terminal.works is not bool(detail)
    assert terminal.detail.startswith(detail)
