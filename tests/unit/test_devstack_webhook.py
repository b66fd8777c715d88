"""The webhook's contract with Event Grid, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from devstack.access_log import FinishedWrite, WriteApi
from devstack.blob_events import BlobFacts, blob_created, subscription_validation
from devstack.functions_host.trigger_queue import BlobMessage
from devstack.functions_host.webhook import ROUTE, BlobsWebhook, container_and_blob

KNOWN = "Host.Functions.analyse_media"
EVENT = blob_created(
    FinishedWrite(container="c", blob="a b%.jpg", api=WriteApi.PUT_BLOB),
    BlobFacts(etag="0x8D"),
    endpoint="http://127.0.0.1:10000/devstoreaccount1",
    sequence=1,
)


def post(body: Any, kind: str | None, function: str = KNOWN) -> tuple[int, str, list[BlobMessage]]:
    """Status, text and queued messages."""
    queued: list[BlobMessage] = []

    async def enqueue(message: BlobMessage) -> None:
        queued.append(message)

    async def send() -> tuple[int, str]:
        application = web.Application()
        application.router.add_post(ROUTE, BlobsWebhook(function_ids={KNOWN}, enqueue=enqueue).handle)
        async with TestClient(TestServer(application)) as client:
            headers = {} if kind is None else {"aeg-event-type": kind}
            response = await client.post(ROUTE, params={"functionName": function}, json=body, headers=headers)
            return response.status, await response.text()

    return *asyncio.run(send()), queued


def test_the_validation_is_answered_with_its_code() -> None:
    status, text, queued = post([subscription_validation("ABC")], "SubscriptionValidation")
    assert (status, text, queued) == (200, '{"validationResponse": "ABC"}', [])


@pytest.mark.parametrize("body", [[EVENT], EVENT])
def test_a_notification_is_queued_and_accepted(body: Any) -> None:
    status, _, queued = post(body, "Notification")
    assert status == 202
    assert queued == [BlobMessage(function_id=KNOWN, container="c", blob="a b%.jpg", etag="0x8D")]


def test_several_events_in_one_request_are_all_queued() -> None:
    status, _, queued = post([EVENT, EVENT], "Notification")
    assert (status, len(queued)) == (202, 2)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([EVENT], None),
        ([EVENT], "Unsubscribe"),
        ([{}], "Notification"),
        ([1], "Notification"),
        ([EVENT, {"data": {"url": "http://127.0.0.1:1/account/container-only"}}], "Notification"),
        ([], "SubscriptionValidation"),
    ],
)
def test_anything_else_is_a_bad_request_and_queues_nothing(body: Any, kind: str | None) -> None:
    status, _, queued = post(body, kind)
    assert (status, queued) == (400, [])


def test_an_unknown_function_is_not_found() -> None:
    assert post([EVENT], "Notification", "Host.Functions.other")[0] == 404


@pytest.mark.parametrize(
    ("url", "container", "blob"),
    [
        ("https://account.blob.core.windows.net/c/x.jpg", "c", "x.jpg"),
        ("http://127.0.0.1:10000/devstoreaccount1/c/x.jpg", "c", "x.jpg"),
        ("http://localhost:10000/devstoreaccount1/c/x.jpg", "c", "x.jpg"),
        ("https://account.blob.core.windows.net/c/dir/a%20b%2B%25%23%3F%3B.jpg", "c", "dir/a b+%#?;.jpg"),
        ("https://account.blob.core.windows.net/c/p+q.jpg", "c", "p+q.jpg"),
        ("https://account.blob.core.windows.net/c/a/../b.jpg", "c", "a/../b.jpg"),
        ("https://account.blob.core.windows.net/%24root/x.jpg", "$root", "x.jpg"),
    ],
)
def test_container_and_blob_come_from_the_address(url: str, container: str, blob: str) -> None:
    assert container_and_blob(url) == (container, blob)


def test_a_message_is_what_the_extension_writes_and_reads_back() -> None:
    message = BlobMessage(function_id=KNOWN, container="c", blob="ü.jpg", etag="0x8D")
    assert message.to_json() == (
        '{"Type": "BlobTrigger", "FunctionId": "Host.Functions.analyse_media", "ContainerName": "c", '
        '"BlobName": "\\u00fc.jpg", "ETag": "0x8D", "BlobType": "BlockBlob"}'
    )
    assert BlobMessage.from_json(message.to_json()) == message
