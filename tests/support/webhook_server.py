"""A webhook that answers what a test wants, and remembers what it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Post:
    """A request that came in."""

    target: str
    """Path and query, as they were sent."""
    headers: dict[str, str]
    """By names in lower case."""
    event: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.event["data"]["url"])


class WebhookServer(ThreadingHTTPServer):
    """Asks ``answer`` for the status of each post, by its number from 0; it may wait in there."""

    def __init__(self, answer: Callable[[int], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[Post] = []
        self._answer = answer
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, post: Post) -> int:
        with self._lock:
            number = len(self.posts)
            self.posts.append(post)
        return self._answer(number)


class _Handler(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        (event,) = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.take(Post(target=self.path, headers=headers, event=event)))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def webhook_server(answer: Callable[[int], int] = lambda _: 202) -> Iterator[WebhookServer]:
    """A running server; by default it takes everything."""
    with WebhookServer(answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
