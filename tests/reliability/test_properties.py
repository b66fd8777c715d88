"""What holds for any name, any metadata and any event, whoever made them up."""

from __future__ import annotations

import asyncio
import json
import posixpath
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devstack.access_log import FinishedWrite, WriteApi
from devstack.blob_events import EVENT_TYPE_HEADER, NOTIFICATION, VALIDATION, BlobFacts, blob_created
from devstack.functions_host.trigger_queue import BlobMessage
from devstack.functions_host.webhook import ROUTE, BlobsWebhook, container_and_blob
from openface_runner.media.address import decline_reason
from openface_runner.media.request import Request, read_request
from openface_runner.outcomes import Outcome, Rejected
from openface_runner.records import Record, State
from openface_runner.settings import Capture
from openface_runner.storage.names import result_name
from openface_runner.storage.source import Source
from tests.conftest import StartDevstack
from tests.support.devstack_apps import COPIES

# The same examples each time, none kept, and no example has a time limit of its own.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")

CONTAINER = "3f0c5a9e-1d5f-4a53-9a41-0e4f8f2f9c11"
FUNCTION = "Host.Functions.analyse_media"
ENDPOINT = "http://127.0.0.1:10000/devstoreaccount1"

_odd = st.sampled_from(
    ["/", ".", "..", "\\", "%", "%2F", "%00", "'", '"', "?", "#", "+", " ", "-", "\u202e", "👩‍🦰", "ü", "e\u0301", "~"]
)
any_text = st.text(max_size=60) | st.lists(_odd | st.text(max_size=3), max_size=20).map("".join)
"""Surrogates are left out: no event in UTF-8 can carry one as it is."""
short_names = st.lists(_odd | st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).map("".join)
long_names = st.builds(lambda part, length: (part * length)[:length], short_names, st.integers(1, 1024))
names = short_names | long_names
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
known_keys = st.sampled_from(["capture", "Capture", "media_type", "MEDIA_TYPE", "au_model"])
known_values = st.sampled_from(["posed", "wild", "ip", "vw", "static", "dynamic", " Wild ", ""])
metadata = st.dictionaries(known_keys | header_text, known_values | header_text, max_size=6)


def event_of(name: str) -> dict[str, Any]:
    write = FinishedWrite(container=CONTAINER, blob=name, api=WriteApi.PUT_BLOB)
    return blob_created(write, BlobFacts(), endpoint=ENDPOINT, sequence=1)


def kept_as(name: str, suffix: str) -> str:
    return result_name(Source(Mock(), CONTAINER, name), suffix)


@given(any_text, any_text)
@example("\ud800", "half a character \ud800.jpg")
def test_any_name_is_ours_or_declined_in_one_line(container: str, name: str) -> None:
    for reason in (decline_reason(container, name), decline_reason(CONTAINER, name)):
        assert reason is None or (reason.isprintable() and reason)
        if reason is None:
            name.encode()


@given(names)
def test_what_is_ours_is_kept_below_its_own_container(name: str) -> None:
    if decline_reason(CONTAINER, name) is not None:
        return
    for suffix in (".csv", ".json"):
        kept = kept_as(name, suffix)
        assert len(kept) <= 1024
        assert kept.endswith(suffix)
        assert posixpath.normpath(kept.replace("\\", "/")).startswith(f"{CONTAINER}/")


@given(names, names)
@example("a" * 1024, "a" * 1023 + "b")
@example("a" * 1024, "a" * 1023)
@example("a", "a.csv")
def test_two_media_never_share_a_name(one: str, other: str) -> None:
    if one != other:
        for suffix in (".csv", ".json"):
            assert kept_as(one, suffix) != kept_as(other, suffix)


@given(metadata, metadata)
def test_any_metadata_are_a_request_or_refused(of_blob: dict[str, str], of_container: dict[str, str]) -> None:
    try:
        request = read_request(of_blob, of_container, default_capture=Capture.POSED)
    except Rejected as rejected:
        assert rejected.verdict.outcome is Outcome.INVALID_REQUEST
        assert rejected.verdict.message.isprintable()
    else:
        assert isinstance(request, Request)


@given(names)
@example("a%2Fb?c#d.jpg")
@example(" blank at the end ")
@example("line\nbreak\ttab.jpg")
def test_a_name_comes_through_an_event_unchanged(name: str) -> None:
    assert container_and_blob(event_of(name)["data"]["url"]) == (CONTAINER, name)


@given(names)
def test_a_record_comes_back_from_json_unchanged(name: str) -> None:
    record = Record(container=CONTAINER, blob=name, state=State.RUNNING, source={"etag": "0x1"})
    assert Record.model_validate_json(record.to_json()) == record


class Webhook:
    """The devstack's webhook behind real HTTP, and what it has queued."""

    def __init__(self) -> None:
        self.queued: list[BlobMessage] = []
        self._loop = asyncio.new_event_loop()
        self._cleanup = ExitStack()
        self.client = self._run(self._start())

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    async def _start(self) -> TestClient[web.Request, web.Application]:
        async def enqueue(message: BlobMessage) -> None:
            self.queued.append(message)

        application = web.Application()
        application.router.add_post(ROUTE, BlobsWebhook(function_ids={FUNCTION}, enqueue=enqueue).handle)
        client = TestClient(TestServer(application))
        await client.start_server()
        return client

    def post(self, body: bytes, kind: str) -> int:
        async def send() -> HTTPStatus:
            async with self.client.post(
                ROUTE, params={"functionName": FUNCTION}, data=body, headers={EVENT_TYPE_HEADER: kind}
            ) as response:
                return HTTPStatus(response.status)

        return HTTPStatus(self._run(send()))

    def close(self) -> None:
        self._run(self.client.close())
        self._loop.close()


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


kinds = st.sampled_from([VALIDATION, NOTIFICATION, "SubscriptionDeletion", ""])


def check_answer(webhook: Webhook, body: bytes, kind: str) -> None:
    webhook.queued.clear()
    status = webhook.post(body, kind)
    assert status in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.BAD_REQUEST), status
    assert not webhook.queued or status == HTTPStatus.ACCEPTED
    for message in webhook.queued:
        assert BlobMessage.from_json(message.to_json()) == message
        assert all(isinstance(value, str) for value in vars(message).values())
        message.to_json().encode()


@given(json_values, kinds)
@example([[]], NOTIFICATION)
@example(["text"], VALIDATION)
@example([{"data": {"url": f"{ENDPOINT}/c/%ff"}}], NOTIFICATION)
@example([{"data": {"url": "http://[::1/c/b"}}], NOTIFICATION)
@example([{"data": {"validationCode": {"a": 1}}}], VALIDATION)
def test_any_json_is_answered(webhook: Webhook, body: Any, kind: str) -> None:
    check_answer(webhook, json.dumps(body).encode(), kind)


@given(st.binary(max_size=200), kinds)
@example(b"[" * 50_000, NOTIFICATION)
@example(b'{"data": {"url": "http://x/c/\\ud800"}}', NOTIFICATION)
@example(b"\xff\xfe", NOTIFICATION)
@example(b"1" * 5000, NOTIFICATION)
def test_any_bytes_are_answered(webhook: Webhook, body: bytes, kind: str) -> None:
    check_answer(webhook, body, kind)


@st.composite
def almost_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event in which something is missing or of another kind."""
    event = event_of(draw(short_names))
    part = draw(st.sampled_from([event, event["data"]]))
    key = draw(st.sampled_from(sorted(part)))
    if draw(st.booleans()):
        del part[key]
    else:
        part[key] = draw(json_values | st.sampled_from(["http://x", "http://[", f"{ENDPOINT}//", "//", "%"]))
    return event


@given(st.lists(almost_events(), min_size=1, max_size=3))
def test_an_event_that_is_almost_right_is_answered(webhook: Webhook, events: list[dict[str, Any]]) -> None:
    check_answer(webhook, json.dumps(events).encode(), NOTIFICATION)


def test_a_running_host_answers_whatever_is_posted(
    start_devstack: StartDevstack, write_app: Callable[..., Path]
) -> None:
    stack = start_devstack(write_app(COPIES), event_grid=False)
    address = f"{stack.host.url}{ROUTE}?functionName=Host.Functions.copy"

    @settings(max_examples=30)
    @given(st.lists(almost_events(), max_size=3) | json_values, kinds)
    def post(body: Any, kind: str) -> None:
        request = urllib.request.Request(address, json.dumps(body).encode(), {EVENT_TYPE_HEADER: kind})  # noqa: S310
        try:
            with urllib.request.urlopen(request) as response:  # noqa: S310 - our own host
                status = response.status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
        assert status in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.BAD_REQUEST)

    post()
