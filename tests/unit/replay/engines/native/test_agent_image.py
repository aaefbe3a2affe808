from __future__ import annotations

from pathlib import Path

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.native import agent_image
from replay.engines.native.agent_image import find_agent, read_agent
from replay.engines.native.layout import SHARED_BYTES
from replay.engines.ram import PAGE_BYTES
from tests.unit.replay.agents import require_agent


def agent_file() -> bytes:
    require_agent()
    folder = Path(agent_image.__file__).parent
    return next(folder.glob("_agent.*.so")).read_bytes()


def test_parts_are_pages_and_none_is_both_written_and_executed() -> None:
    image = read_agent(agent_file())
    for part in image.parts:
        assert part.offset % PAGE_BYTES == part.size % PAGE_BYTES == 0
        assert part.protection & 6 != 6
    assert image.shared % PAGE_BYTES == 0
    assert image.shared + SHARED_BYTES <= len(image.data)


def test_python_alone_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLO5_REPLAY_PURE_PYTHON", "1")
    assert find_agent() is None


@pytest.mark.parametrize("size", [0, 16, 64, 200])
def test_a_file_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(EngineUnavailable):
        read_agent(agent_file()[:size])


def test_an_agent_of_another_version_is_refused() -> None:
    file = bytearray(agent_file())
    image = read_agent(bytes(file))
    words = agent_image._FINGERPRINT.pack(*agent_image.FINGERPRINT)
    at = file.index(words)
    file[at : at + 8] = (99).to_bytes(8, "little")
    assert image.entry
    with pytest.raises(EngineUnavailable, match="other sources"):
        read_agent(bytes(file))
