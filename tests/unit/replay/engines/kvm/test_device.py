from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api, device
from replay.engines.kvm.device import open_device


def test_no_device_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(api, "DEVICE", str(tmp_path / "kvm"))
    with pytest.raises(EngineUnavailable, match="does not exist") as missing:
        open_device()
    assert "kvm_intel" in missing.value.remedy


def test_another_file_is_no_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kvm").write_bytes(b"")
    monkeypatch.setattr(api, "DEVICE", str(tmp_path / "kvm"))
    with pytest.raises(EngineUnavailable):
        open_device()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [(errno.EACCES, "usermod -aG kvm"), (errno.EPERM, "container"), (errno.ENODEV, "VT-x")],
)
def test_what_is_not_permitted_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, error: int, remedy: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(EngineUnavailable) as refused:
        open_device()
    assert remedy in refused.value.remedy


def test_another_version_of_the_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    monkeypatch.setattr(api, "DEVICE", os.devnull)
    monkeypatch.setattr(device.fcntl, "ioctl", lambda *_: 11)  # type: ignore[attr-defined]
    monkeypatch.setattr(api, "close", lambda fd: (closed.append(fd), os.close(fd)))
    with pytest.raises(EngineUnavailable, match="version 11, not 12"):
        open_device()
    assert len(closed) == 1
