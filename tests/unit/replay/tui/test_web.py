"""The server for browsers: who may use it. The client is real, the program a small one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed: the extra `web`")
pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")

from aiohttp import ClientSession, WSServerHandshakeError, web  # noqa: E402

from replay.tui.web import CannotServe, WebServer  # noqa: E402

_HELLO = b"hello from \xe2\x80\x98$(false)`false`"
PROGRAM = [
    sys.executable,
    "-c",
    "import sys, struct\n"
    "out, text = sys.stdout.buffer, sys.argv[1].encode()\n"
    "out.write(b'__GANGLION__\\nD' + struct.pack('>I', len(text)) + text)\n"
    "out.flush()\n"
    "sys.stdin.buffer.read(5)",
    _HELLO.decode(),
]
"""Shows one text, and ends when it is told anything."""

Test = Callable[[WebServer, ClientSession], Coroutine[None, None, None]]


@contextlib.asynccontextmanager
async def serving(server: WebServer) -> AsyncIterator[None]:
    runner = web.AppRunner(await server._make_app(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, server._socket).start()
    try:
        yield
    finally:
        await runner.cleanup()


def run(test: Test, title: str = "a trace") -> None:
    async def main() -> None:
        server = WebServer(PROGRAM, 0, title)
        jar = aiohttp.CookieJar(unsafe=True)  # which takes cookies of hosts without names, too
        async with serving(server), ClientSession(cookie_jar=jar) as client:
            await asyncio.wait_for(test(server, client), 60)

    asyncio.run(main())


async def status(client: ClientSession, url: str, **headers: str) -> int:
    async with client.get(url, headers=headers) as response:
        return response.status


def test_whoever_has_the_address_has_the_page_and_its_program() -> None:
    async def test(server: WebServer, client: ClientSession) -> None:
        assert server.address.startswith("http://127.0.0.1:")
        async with client.get(server.address) as response:
            assert response.status == 200
            page = await response.text()
        assert "&lt;b&gt;a trace" in page
        assert f"ws://127.0.0.1:{server.port}/ws" in page
        assert await status(client, f"{server.public_url}/static/js/textual.js") == 200
        url = f"{server.public_url}/ws"
        async with client.ws_connect(url, origin=server.public_url) as socket:
            assert await socket.receive_bytes() == _HELLO
        async with client.ws_connect(url) as socket:
            assert await socket.receive_bytes() == _HELLO

    run(test, "<b>a trace")


def test_nobody_else_has_anything() -> None:
    async def test(server: WebServer, client: ClientSession) -> None:
        url = server.public_url
        for path in ("/", "/?key=", "/?key=x", "/?key=%ff", "/static/js/textual.js", "/download/x"):
            assert await status(client, url + path) == 403, path
        with pytest.raises(WSServerHandshakeError, match="403"):
            await client.ws_connect(f"{url}/ws")
        with pytest.raises(WSServerHandshakeError, match="403"):
            await client.ws_connect(server.address.replace("/?", "/ws?"))

    run(test)


def test_other_pages_have_nothing_even_with_the_secret() -> None:
    async def test(server: WebServer, client: ClientSession) -> None:
        assert await status(client, server.address) == 200  # the secret is in a cookie from now on
        others = (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"https://127.0.0.1:{server.port}"},
            {"Origin": f"http://127.0.0.1:{server.port + 1}"},
            {"Origin": f"http://localhost:{server.port}"},
            {"Host": f"evil.example:{server.port}"},
            {"Host": "127.0.0.1"},
        )
        for headers in others:
            assert await status(client, server.address, **headers) == 403, headers
            with pytest.raises(WSServerHandshakeError, match="403"):
                await client.ws_connect(f"{server.public_url}/ws", headers=headers)

    run(test)


def test_the_page_is_shut_in() -> None:
    async def test(server: WebServer, client: ClientSession) -> None:
        async with client.get(server.address) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["Referrer-Policy"] == "no-referrer"
            cookie = response.cookies[f"solo5-replay-{server.port}"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"

    run(test)


def test_pages_that_are_open_do_not_keep_the_server() -> None:
    async def test(server: WebServer, client: ClientSession) -> None:
        await client.get(server.address)
        socket = await client.ws_connect(f"{server.public_url}/ws")
        assert await socket.receive_bytes() == _HELLO
        assert len(server._pages) == 1

    run(test)


def test_it_is_this_machines_alone_and_every_time_another_secret() -> None:
    first, second = WebServer(PROGRAM, 0, ""), WebServer(PROGRAM, 0, "")
    try:
        assert first._socket.getsockname()[0] == "127.0.0.1"
        assert first._secret != second._secret
        with pytest.raises(CannotServe, match="cannot listen at port"):
            WebServer(PROGRAM, first.port, "")
    finally:
        first._socket.close()
        second._socket.close()
