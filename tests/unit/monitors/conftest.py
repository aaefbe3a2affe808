"""What the monitor tests share: an ELF builder, and flat memory without any bounds rule."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load_builder() -> ModuleType:
    path = Path(__file__).with_name("elf_builder.py")
    spec = importlib.util.spec_from_file_location("elf_builder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def elf() -> ModuleType:
    return sys.modules.get("elf_builder") or _load_builder()


class FlatMemory:
    """Bytes from address 0; access outside is the test's mistake."""

    def __init__(self, size: int) -> None:
        self.bytes = bytearray(size)

    def read(self, gpa: int, size: int) -> bytes:
        assert 0 <= gpa <= gpa + size <= len(self.bytes)
        return bytes(self.bytes[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        assert 0 <= gpa <= gpa + len(data) <= len(self.bytes)
        self.bytes[gpa : gpa + len(data)] = data


@pytest.fixture
def flat_memory() -> type[FlatMemory]:
    return FlatMemory
