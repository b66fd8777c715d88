"""What can befall a request to storage: for the rules of `tests.support.storage_proxy`, which says how to use them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_CHUNK = 64 * 1024
# They belong to one connection, not to the message.
_HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as the client sent it."""

    number: int
    """From 1, in order of arrival."""
    method: str
    container: str
    blob: str
    """Empty for requests about a container or the account."""
    comp: str
    """What it is about, in the service's words: ``lease``, ``metadata``, …; empty for the blob itself."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in any case."""

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method not in ("GET", "HEAD")

    def __str__(self) -> str:
        path = "/".join(part for part in (self.container, self.blob) if part)
        action = self.headers.get("x-ms-lease-action", "")
        return " ".join(part for part in (self.method, path, self.comp, action) if part)


class Exchange:
    """A request that a fault has in its hands: it passes it on or not, and answers it or not."""

    def __init__(
        self, request: Request, raw: web.Request, *, origin: str, storage: aiohttp.ClientSession, closing: asyncio.Event
    ) -> None:
        self.request = request
        self.raw = raw
        self.closing = closing
        self._origin = origin
        self._storage = storage

    @asynccontextmanager
    async def forwarded(self) -> AsyncIterator[aiohttp.ClientResponse]:
        """Storage's answer, its body not yet read."""
        headers = _end_to_end(self.raw.headers)
        body = self.raw.content.iter_chunked(_CHUNK) if self.raw.body_exists else None
        # As it was sent, since it is signed.
        url = URL(f"{self._origin}{self.raw.raw_path}", encoded=True)
        async with self._storage.request(self.raw.method, url, headers=headers, data=body) as response:
            yield response

    async def pass_on(self) -> web.StreamResponse:
        """Pass it on, and its answer back, as nothing were the matter."""
        async with self.forwarded() as response:
            answer = web.StreamResponse(status=response.status, headers=_end_to_end(response.headers))
            await answer.prepare(self.raw)
            async for chunk in response.content.iter_chunked(_CHUNK):
                await answer.write(chunk)
            await answer.write_eof()
            return answer

    async def pass_on_unheard(self) -> None:
        """Have storage do it, and keep the answer from the client."""
        async with self.forwarded() as response:
            await response.read()

    def reset(self) -> web.StreamResponse:
        """Cut the client's connection with a reset."""
        if self.raw.transport is not None:
            connection = self.raw.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.raw.transport.abort()
        return web.Response()  # nobody gets it


Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]


def answer(status: int, code: str, *, after: bool = False, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with an error, as the service words it; ``headers`` are added, such as ``Retry-After``."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if after:
            await exchange.pass_on_unheard()
        else:
            await exchange.raw.read()
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>As told.</Message></Error>'
        return web.Response(
            status=status,
            body=None if exchange.request.method == "HEAD" else text.encode(),
            headers={"x-ms-error-code": code, "Content-Type": "application/xml"} | dict(headers or {}),
        )

    return fault


def hang(*, after: bool = False) -> Fault:
    """Never answer; the connection stays open until the proxy's end."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if after:
            await exchange.pass_on_unheard()
        await exchange.closing.wait()
        return exchange.reset()

    return fault


def cut(*, after: bool = False) -> Fault:
    """Cut the connection instead of an answer."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if after:
            await exchange.pass_on_unheard()
        return exchange.reset()

    return fault


def cut_in_request(share: float = 0.5) -> Fault:
    """Cut the connection when this share of the request's body has arrived; storage hears nothing of it."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        length = exchange.raw.content_length or 0
        if length:
            await exchange.raw.content.readexactly(int(length * share))
        return exchange.reset()

    return fault


def cut_in_response(share: float = 0.5, *, politely: bool = False) -> Fault:
    """Cut the connection when this share of the answer's body was sent; instead of an answer that has none.

    Arguments:
        politely: close it as at the end of an answer, instead of with a reset.
    """

    async def fault(exchange: Exchange) -> web.StreamResponse:
        async with exchange.forwarded() as response:
            body = await response.read()
            answer = web.StreamResponse(status=response.status, headers=_end_to_end(response.headers))
        if not body:
            return exchange.reset()
        answer.content_length = len(body)
        await answer.prepare(exchange.raw)
        await answer.write(body[: int(len(body) * share)])
        if politely and exchange.raw.transport is not None:
            exchange.raw.transport.close()
            return answer
        return exchange.reset()

    return fault


def alter(change: Callable[[bytes], bytes]) -> Fault:
    """Change the answer's body, and have its length say so: content that isn't what storage holds."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        async with exchange.forwarded() as response:
            body = change(await response.read())
            headers = _end_to_end(response.headers)
        headers["Content-Length"] = str(len(body))
        return web.Response(status=response.status, headers=headers, body=body)

    return fault


def call(function: Callable[[Request], object], *, after: bool = False) -> Fault:
    """Call a function, and let the request have its way."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if not after:
            await asyncio.to_thread(function, exchange.request)
            return await exchange.pass_on()
        async with exchange.forwarded() as response:
            body = await response.read()
        await asyncio.to_thread(function, exchange.request)
        headers = _end_to_end(response.headers)
        if exchange.request.method != "HEAD":
            headers["Content-Length"] = str(len(body))
        return web.Response(status=response.status, headers=headers, body=body)

    return fault


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept
