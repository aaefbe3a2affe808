"""The terminal interface in a browser: a real server, a client and a WebSocket."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.programs import PATIENCE_S, running
from tests.gdb.recordings import Recordings

aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed: the extra `web`")
pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")

pytestmark = pytest.mark.slow
NASTY = "-e $(touch pwned);`touch pwned`'\"&<b>.mp"


@pytest.fixture
def failure(recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The failing run, under a name that shells and pages take for something else."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(recordings.trace("flaky", "corrupt"), tmp_path / NASTY))


async def visit(address: str) -> None:
    """Open the page, look at the recording, and leave it."""
    url = address.partition("/?")[0]
    jar = aiohttp.CookieJar(unsafe=True)  # which takes cookies of hosts without names, too
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        async with client.get(address) as response:
            assert response.status == 200
            assert "<b>.mp" not in await response.text()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await client.ws_connect(f"{url}/ws", origin="http://evil.example")
        async with client.ws_connect(f"{url}/ws?width=120&height=40", origin=url) as page:
            await shown(page, b"event 92", b"index_grow")
            await page.send_json(["stdin", ">"])
            await shown(page, b"the guest exited with status 1")
            await page.send_json(["resize", {"width": 80, "height": 24}])
            await page.send_json(["stdin", "q"])
            while (await page.receive()).type is aiohttp.WSMsgType.BINARY:
                pass


async def shown(page: aiohttp.ClientWebSocketResponse, *texts: bytes) -> None:
    """Read until all of these were drawn."""
    drawn = b""
    while not all(text in drawn for text in texts):
        message = await page.receive()
        assert message.type is aiohttp.WSMsgType.BINARY, (message, drawn[-2000:])
        drawn += message.data


def test_a_recording_in_a_browser(failure: Path) -> None:
    with running("solo5-replay", "--web=0", "-g", "92+1161", f"./{failure.name}") as server:
        server.wait_for("Ctrl-C ends it")
        address = server.shown.partition("open ")[2].split()[0]
        asyncio.run(asyncio.wait_for(visit(address), PATIENCE_S))
        server.signal(signal.SIGINT)
        assert server.wait() == 0
    assert sorted(each.name for each in failure.parent.iterdir()) == [
        NASTY,
        f"{NASTY}.session.json",
    ]
