"""HTTP-triggered functions in the devstack's own host."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from devstack.running import Devstack
from tests.support.devstack_apps import HEAD

APP = (
    HEAD
    + """
import json

@app.route(route="echo/{*path}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    told = {"path": req.route_params.get("path", ""), "params": dict(req.params), "method": req.method,
            "header": req.headers.get("X-Mine"), "body": req.get_body().decode()}
    return func.HttpResponse(json.dumps(told), mimetype="application/json", status_code=203, headers={"x-own": "mine"})

@app.route(route="fails", auth_level=func.AuthLevel.ANONYMOUS)
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("a secret of the app")

@on_upload
def nothing(client: blob.BlobClient) -> None:
    pass
"""
)


StartDevstack = Callable[..., Devstack]


@pytest.fixture
def host(start_devstack: StartDevstack, write_app: Callable[[str], Path]) -> Devstack:
    return start_devstack(write_app(APP))


def ask(host: Devstack, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(HTTPConnection(host.host.url.removeprefix("http://"))) as connection:
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def test_a_request_reaches_its_function_and_the_answer_comes_back(host: Devstack) -> None:
    status, headers, body = ask(host, "/api/echo/a/b%20c/%C3%A4.jpg?x=1&y=%26", b"text", **{"X-Mine": "yes"})
    assert (status, headers["content-type"], headers["x-own"]) == (203, "application/json; charset=utf-8", "mine")
    assert json.loads(body) == {
        "path": "a/b c/ä.jpg", "params": {"x": "1", "y": "&"}, "method": "POST", "header": "yes", "body": "text",
    }  # fmt: skip
    assert json.loads(ask(host, "/api/echo/")[2])["path"] == ""
    assert json.loads(ask(host, "/api/echo")[2])["path"] == ""


def test_a_function_that_raises_is_a_500_without_its_words(host: Devstack) -> None:
    status, _, body = ask(host, "/api/fails")
    assert (status, b"secret" in body) == (500, False)


def test_a_path_without_a_function_is_a_404(host: Devstack) -> None:
    assert ask(host, "/api/nothing")[0] == 404
