"""Serves the terminal interface to browsers of this machine; each page has a program of its own.

Whoever may use the interface may read and write files in the user's name. So only those who know a
secret may: it is in the address that the user is told, and then in a cookie. Other pages in the
same browser cannot use that cookie, nor can names that lead to this host (DNS rebinding): every
request has to be to this server by its number, and from its own page.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager
from textual_serve.server import Server, to_int

from replay.export.words import one_line

HOST = "127.0.0.1"
KEY = "key"
"""The parameter of the address that has the secret."""

_SECRET_BYTES = 24
_PATIENCE_S = 5.0
_HEARTBEAT_S = 15.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CannotServe(Exception):
    """The port cannot be had."""


class WebServer(Server):
    """Has its port from the beginning, and serves in ``serve``."""

    def __init__(self, command: Sequence[str], port: int, title: str) -> None:
        """``command`` is the program of a page, port 0 any free one. Raises ``CannotServe``."""
        self._socket = _listening(port)
        number: int = self._socket.getsockname()[1]
        super().__init__("", HOST, number, one_line(title))
        self._words = command
        self._secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._cookie = f"solo5-replay-{number}"
        self._pages = set[asyncio.Task[object]]()

    @property
    def address(self) -> str:
        """What the user opens, with the secret."""
        return f"{self.public_url}/?{KEY}={self._secret}"

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002
        """Until Ctrl-C or SIGTERM."""
        application = self._make_app()
        # What strangers send is no text for this terminal, not even in a report of what is wrong.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
        web.run_app(application, sock=self._socket, print=None, access_log=None)

    async def _make_app(self) -> web.Application:
        application = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        application.middlewares.append(guard)
        application.on_response_prepare.append(self._restrict)
        return application

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is told: the command has names in it that others have chosen."""

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002
        """End the programs of all pages, which keep their sessions."""
        for page in self._pages:
            page.cancel()
        if self._pages:
            await asyncio.wait(self._pages, timeout=_PATIENCE_S)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One page, with a program of its own until either is closed."""
        page = asyncio.current_task()
        assert page is not None
        self._pages.add(page)
        width, height = (to_int(request.query.get(name, ""), 80) for name in ("width", "height"))
        websocket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S)
        await websocket.prepare(request)
        program = _Program(self._words, websocket, self.download_manager)
        try:
            await program.start(width, height)
            await self._process_messages(websocket, program)
        finally:
            await program.stop()
            self._pages.discard(page)
        return websocket

    # ---- who may

    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.headers.get("Host") != f"{HOST}:{self.port}":
            raise web.HTTPForbidden(text=f"this server is {HOST}:{self.port} and nothing else\n")
        if request.headers.get("Origin", self.public_url) != self.public_url:
            raise web.HTTPForbidden(text="other pages may not use this server\n")
        if self._is_secret(request.cookies.get(self._cookie, "")):
            return await handler(request)
        if request.path != "/" or not self._is_secret(request.query.get(KEY, "")):
            raise web.HTTPForbidden(text="open the whole address that solo5-replay has printed\n")
        response = await handler(request)
        response.set_cookie(self._cookie, self._secret, httponly=True, samesite="Strict")
        return response

    def _is_secret(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(errors="replace"), self._secret.encode())

    async def _restrict(self, _: web.Request, response: web.StreamResponse) -> None:
        """A page is put into no other, and loads nothing from elsewhere."""
        connect = f"'self' ws://{HOST}:{self.port}"
        inline = "'self' 'unsafe-inline'"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self' data:; script-src {inline}; style-src {inline}; "
            f"connect-src {connect}; frame-ancestors 'none'"
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"


class _Program(AppService):
    """The program of one page, started without a shell and waited for."""

    def __init__(
        self, words: Sequence[str], websocket: web.WebSocketResponse, downloads: DownloadManager
    ) -> None:
        async def close() -> None:
            await websocket.close()

        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=close,
            download_manager=downloads,
        )
        self._words = words

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        pipe = asyncio.subprocess.PIPE
        environment = self._build_environment(width, height)
        self._process = process = await asyncio.create_subprocess_exec(
            *self._words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        self._stdin = process.stdin
        return process

    async def stop(self) -> None:
        """End it, and wait until it has kept its session."""
        await super().stop()
        if self._process is not None:
            await self._process.wait()


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen()
    except OSError as error:
        made.close()
        raise CannotServe(f"cannot listen at port {port}: {error.strerror}") from error
    return made
