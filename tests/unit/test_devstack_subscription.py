"""How events are delivered: validation first, then at least once, and nobody waits for somebody else's retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devstack.access_log import FinishedWrite, WriteApi
from devstack.blob_events import BlobFacts, Event, blob_created
from devstack.errors import SubscriptionRefused
from devstack.subscription import DeliveryPolicy, Subscription, blob_functions_of

Answer = Callable[[web.Request, list[Any]], Awaitable[web.Response]]
QUICK = DeliveryPolicy(tries=4, first_pause=0.001, longest_pause=0.001)


@asynccontextmanager
async def subscription(answer: Answer, policy: DeliveryPolicy = QUICK) -> AsyncIterator[Subscription]:
    async def handle(request: web.Request) -> web.Response:
        return await answer(request, await request.json())

    application = web.Application()
    application.router.add_post("/hook", handle)
    async with TestServer(application) as server, aiohttp.ClientSession() as http:
        yield Subscription(str(server.make_url("/hook")), http, policy)


def event(name: str) -> Event:
    write = FinishedWrite(container="c", blob=name, api=WriteApi.PUT_BLOCK_LIST)
    return blob_created(write, BlobFacts(etag="0x8D", content_length=3), endpoint="http://127.0.0.1:1/a", sequence=255)


async def deliver(statuses: list[int]) -> tuple[bool, list[int]]:
    """Whether the event was delivered, and the answers that were not used up."""

    async def answer(_: web.Request, __: list[Any]) -> web.Response:
        return web.Response(status=statuses.pop(0))

    async with subscription(answer) as to:
        return await to.deliver(event("x.jpg")), statuses


def test_an_event_is_sent_again_until_it_is_accepted() -> None:
    assert asyncio.run(deliver([500, 503, 202, 418])) == (True, [418])


def test_an_event_is_given_up_after_the_last_try() -> None:
    assert asyncio.run(deliver([500, 500, 500, 500, 202])) == (False, [202])


@pytest.mark.parametrize("status", [400, 401, 413])
def test_an_event_that_never_helps_is_given_up_at_once(status: int) -> None:
    assert asyncio.run(deliver([status, 202])) == (False, [202])


def test_an_event_looks_like_event_grids() -> None:
    async def one() -> tuple[str, Any]:
        seen = []

        async def answer(request: web.Request, body: list[Any]) -> web.Response:
            seen.append((request.headers["aeg-event-type"], body))
            return web.Response(status=202)

        async with subscription(answer) as to:
            await to.deliver(event("a b+%#?;/ü.jpg"))
        return seen[0]

    kind, (sent,) = asyncio.run(one())
    assert kind == "Notification"
    assert sent["eventType"] == "Microsoft.Storage.BlobCreated"
    assert sent["subject"] == "/blobServices/default/containers/c/blobs/a b+%#?;/ü.jpg"
    assert (sent["dataVersion"], sent["metadataVersion"]) == ("", "1")
    assert sent["data"]["url"] == "http://127.0.0.1:1/a/c/a%20b%2B%25%23%3F%3B/%C3%BC.jpg"
    assert sent["data"]["api"] == "PutBlockList"
    assert sent["data"]["eTag"] == "0x8D"
    assert (sent["data"]["contentLength"], sent["data"]["blobType"]) == (3, "BlockBlob")
    assert sent["data"]["sequencer"] == "0" * 30 + "FF"
    assert {"id", "topic", "eventTime"} <= sent.keys()
    assert {"clientRequestId", "requestId", "contentType"} <= sent["data"].keys()


def test_no_event_waits_for_another_ones_answer() -> None:
    async def many() -> None:
        everybody_is_here = asyncio.Barrier(40)

        async def answer(_: web.Request, __: list[Any]) -> web.Response:
            # Nobody is answered before all forty requests are here.
            await everybody_is_here.wait()
            return web.Response(status=202)

        async with subscription(answer) as to:
            assert all(await asyncio.gather(*(to.deliver(event(f"{number}.jpg")) for number in range(40))))

    asyncio.run(many())


def test_a_validation_that_sends_the_code_back_passes() -> None:
    async def validate() -> None:
        async def answer(request: web.Request, body: list[Any]) -> web.Response:
            assert request.headers["aeg-event-type"] == "SubscriptionValidation"
            assert body[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
            return web.json_response({"validationResponse": body[0]["data"]["validationCode"]})

        async with subscription(answer) as to:
            await to.validate()

    asyncio.run(validate())


@pytest.mark.parametrize(
    "answered",
    [
        {"status": 404, "text": "no such function"},
        {"status": 200, "text": '{"validationResponse": "another code"}'},
        {"status": 200, "text": "hello"},
        {"status": 200, "text": "[]"},
    ],
)
def test_any_other_answer_to_the_validation_is_refused(answered: dict[str, Any]) -> None:
    async def validate() -> None:
        async def answer(_: web.Request, __: list[Any]) -> web.Response:
            return web.Response(**answered)

        async with subscription(answer) as to:
            await to.validate()

    with pytest.raises(SubscriptionRefused, match="source=EventGrid"):
        asyncio.run(validate())


async def functions_told_by(answer: Any) -> list[str]:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response(answer)

    application = web.Application()
    application.router.add_get("/admin/functions", handle)
    async with TestServer(application) as server:
        return await blob_functions_of(str(server.make_url("/")).rstrip("/"))


def test_the_host_is_asked_for_its_functions() -> None:
    answer = [
        {"name": "media", "config": {"bindings": [{"type": "blobTrigger", "source": "EventGrid", "connection": "M"}]}},
        {"name": "polled", "config": {"bindings": [{"type": "blobTrigger", "connection": "M"}]}},
        {"name": "page", "config": {"bindings": [{"type": "http"}, {"type": "httpTrigger"}]}},
    ]
    assert asyncio.run(functions_told_by(answer)) == ["media"]


@pytest.mark.parametrize("answer", [[], {}, [{"name": "x"}], [{"name": "x", "config": {"bindings": []}}]])
def test_a_host_without_such_functions_is_an_error_with_advice(answer: Any) -> None:
    with pytest.raises(SubscriptionRefused, match="--function"):
        asyncio.run(functions_told_by(answer))
