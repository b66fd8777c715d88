"""Event Grid over a real storage: what it remembers, and that one event never holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.storage.blob import BlobServiceClient

from devstack.azurite import Storage
from devstack.event_grid import Bookmark, EventGrid
from devstack.subscription import DeliveryPolicy
from tests.support.devstack_apps import new_container

QUICK = DeliveryPolicy(first_pause=0.001, longest_pause=0.001)


class WatchedBookmark(Bookmark):
    """Says when it has reached a position."""

    def __init__(self, begin: int, goal: int) -> None:
        super().__init__(position=begin)
        self.goal = goal
        self.reached = asyncio.Event()

    def move(self, position: int) -> None:
        super().move(position)
        if position >= self.goal:
            self.reached.set()


class Webhook:
    """Records subjects, and answers each event as `accepts` says; `wanted` accepted events make it `satisfied`."""

    def __init__(self, accepts: Callable[[str], Awaitable[bool]], wanted: int) -> None:
        self.accepted: list[dict[str, Any]] = []
        self.satisfied = asyncio.Event()
        self._accepts = accepts
        self._wanted = wanted

    async def handle(self, request: web.Request) -> web.Response:
        (event,) = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": event["data"]["validationCode"]})
        if not await self._accepts(event["subject"]):
            return web.Response(status=503)
        self.accepted.append(event)
        if len(self.accepted) == self._wanted:
            self.satisfied.set()
        return web.Response(status=202)


async def told(
    storage: Storage,
    bookmark: Bookmark,
    accepts: Callable[[str], Awaitable[bool]],
    wanted: int,
    leave_out: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The first `wanted` events that a webhook accepts."""
    hook = Webhook(accepts, wanted)
    application = web.Application()
    application.router.add_post("/", hook.handle)
    async with (
        TestServer(application) as server,
        EventGrid(storage=storage, bookmark=bookmark, policy=QUICK, leave_out=leave_out) as grid,
    ):
        await grid.subscribe([str(server.make_url("/"))])
        running = asyncio.create_task(grid.run())
        await hook.satisfied.wait()
        if isinstance(bookmark, WatchedBookmark):
            await bookmark.reached.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return hook.accepted


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["subject"].rpartition("/")[2] for event in events]


def test_an_event_that_is_refused_holds_up_no_other(storage: Storage) -> None:
    bookmark = Bookmark(position=storage.access_log.stat().st_size)
    with BlobServiceClient.from_connection_string(storage.connection_string) as service:
        container = new_container(service)
        for name in ("refused", "one", "two"):
            container.upload_blob(name, b"12345")
    others: list[str] = []

    async def accepts(subject: str) -> bool:
        if subject.endswith("refused"):
            return len(others) == 2
        others.append(subject)
        return True

    events = asyncio.run(told(storage, bookmark, accepts, 3))
    assert names(events)[-1] == "refused"
    assert sorted(names(events)) == ["one", "refused", "two"]
    assert {event["data"]["contentLength"] for event in events} == {5}
    assert all(event["data"]["eTag"].startswith("0x") for event in events)


def test_containers_that_are_left_out_make_no_events(storage: Storage) -> None:
    bookmark = Bookmark(position=storage.access_log.stat().st_size)
    with BlobServiceClient.from_connection_string(storage.connection_string) as service:
        own, media = new_container(service), new_container(service)
        own.upload_blob("result.csv", b"x")
        media.upload_blob("medium.jpg", b"x")

    async def anything(_: str) -> bool:
        return True

    events = asyncio.run(told(storage, bookmark, anything, 1, leave_out=[own.container_name]))
    assert names(events) == ["medium.jpg"]


def test_what_was_not_delivered_is_told_again_after_a_restart_and_nothing_else(storage: Storage) -> None:
    begin = storage.access_log.stat().st_size
    with BlobServiceClient.from_connection_string(storage.connection_string) as service:
        container = new_container(service)
        for name in ("delivered", "stuck", "delivered too"):
            container.upload_blob(name, b"x")

        log = storage.access_log.read_bytes()
        stuck = log.rindex(b"\n", 0, log.index(f"{container.container_name}/stuck ".encode())) + 1
        bookmark = WatchedBookmark(begin, goal=stuck)

        async def all_but_stuck(subject: str) -> bool:
            return not subject.endswith("stuck")

        async def anything(_: str) -> bool:
            return True

        assert sorted(names(asyncio.run(told(storage, bookmark, all_but_stuck, 2)))) == ["delivered", "delivered too"]
        assert bookmark.position == stuck
        container.upload_blob("new", b"x")
        # At least once: what came after the stuck one may be told twice, what came before it isn't.
        after = names(asyncio.run(told(storage, Bookmark(position=bookmark.position), anything, 3)))
        assert sorted(after) == ["delivered too", "new", "stuck"]
