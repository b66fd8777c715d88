"""An Event Grid subscription: one webhook, its validation, and the delivery of events to it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from devstack.blob_events import EVENT_TYPE_HEADER, NOTIFICATION, VALIDATION, Event, subscription_validation
from devstack.errors import SubscriptionRefused
from devstack.functions_host.app_metadata import AppFunction, event_grid_blob_functions
from devstack.functions_host.webhook import ROUTE

_log = logging.getLogger(__name__)

# The documented ones; after the others the event is sent again, but for those that say that it never helps.
_DELIVERED = frozenset(range(200, 205))
_HOPELESS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_KNOCK_SECONDS = 0.5
# How long the Core Tools' host may take from answering at all to having its functions.
CORE_TOOLS_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class DeliveryPolicy:
    """How stubbornly events are delivered. Azure: 30 tries within 24 hours, pauses of 10 seconds up to 12 hours."""

    tries: int = 30
    # Seconds; each pause is twice the one before, up to the longest.
    first_pause: float = 0.5
    longest_pause: float = 60.0
    # Seconds that a webhook may take to answer.
    answer_within: float = 30.0
    # Requests to one webhook at the same time. An event that waits for its next try takes none of them.
    at_once: int = 64

    def pause(self, tries_made: int) -> float:
        """Seconds to wait after that many tries."""
        return min(self.longest_pause, self.first_pause * 2.0 ** (tries_made - 1))


class Subscription:
    """Delivers events to a webhook. The caller owns the HTTP session."""

    def __init__(self, webhook: str, http: aiohttp.ClientSession, policy: DeliveryPolicy) -> None:
        self._webhook = webhook
        self._http = http
        self._policy = policy
        self._slots = asyncio.Semaphore(policy.at_once)

    async def validate(self) -> None:
        """Send the validation event until somebody answers. Raises SubscriptionRefused at any wrong answer."""
        code = secrets.token_hex(16).upper()
        await knock(self._webhook)
        async with await self._post(VALIDATION, subscription_validation(code)) as response:
            text = await response.text()
            try:
                answer = (await response.json(content_type=None)).get("validationResponse")
            except (ValueError, AttributeError):
                answer = None
            if response.status != HTTPStatus.OK or answer != code:
                raise SubscriptionRefused(
                    f"{self._webhook} failed Event Grid's validation: it answered {response.status} {text[:300]!r} "
                    "instead of 200 and the validation code. Is that function a blob trigger with source=EventGrid?"
                )

    async def deliver(self, event: Event) -> bool:
        """Post an event until it is accepted; False when that was given up, which is logged."""
        why = ""
        for tries in range(1, self._policy.tries + 1):
            try:
                async with self._slots, await self._post(NOTIFICATION, event) as response:
                    if response.status in _DELIVERED:
                        return True
                    why = f"it answered {response.status} {(await response.text())[:300]!r}"
                    if response.status in _HOPELESS:
                        break
            except (aiohttp.ClientError, TimeoutError) as error:
                why = repr(error)
            if tries < self._policy.tries:
                pause = self._policy.pause(tries)
                _log.warning("%s: %s; trying again in %g s.", event["subject"], why, pause)
                await asyncio.sleep(pause)
        _log.error("Gave up telling %s of %s: %s", self._webhook, event["subject"], why)
        return False

    async def _post(self, kind: str, event: Event) -> aiohttp.ClientResponse:
        return await self._http.post(
            self._webhook,
            json=[event],
            headers={EVENT_TYPE_HEADER: kind, "aeg-delivery-count": "0", "aeg-subscription-name": "DEVSTACK"},
            timeout=aiohttp.ClientTimeout(total=self._policy.answer_within),
        )


def webhook_url(host_url: str, function: str, *, key: str = "") -> str:
    """The blobs extension's webhook for a function, named without "Host.Functions.".

    `key` is the host's system key for that extension: a host in a container or in Azure asks for it.
    """
    url = f"{host_url}{ROUTE}?functionName=Host.Functions.{quote(function)}"
    return f"{url}&code={quote(key, safe='')}" if key else url


async def patiently(work: Callable[[], Awaitable[None]], *, seconds: float) -> None:
    """Do something again, for up to that many seconds, as long as it raises SubscriptionRefused.

    The Core Tools' host answers before it has loaded its functions.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await work()
        except SubscriptionRefused:
            if asyncio.get_running_loop().time() >= deadline:
                raise
        await asyncio.sleep(_KNOCK_SECONDS)


async def knock(url: str) -> None:
    """Wait until something listens at an address, saying once that it doesn't yet."""
    said = False
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                if not said:
                    _log.warning("Waiting for the Functions host to answer at %s", url.partition("/runtime")[0])
                    said = True
                await asyncio.sleep(_KNOCK_SECONDS)


async def blob_functions_of(host_url: str) -> list[str]:
    """Ask a running host, ours or the real one, for its Event Grid blob functions; waits until it answers.

    Raises SubscriptionRefused when it doesn't tell or has none.
    """
    await knock(host_url)
    async with aiohttp.ClientSession() as http, http.get(f"{host_url}/admin/functions") as response:
        answer: Any = await response.json(content_type=None) if response.status == HTTPStatus.OK else None
    try:
        functions = [
            AppFunction(name=each["name"], bindings=tuple(each["config"]["bindings"])) for each in answer or []
        ]
        names = [function.name for function in event_grid_blob_functions(functions).values()]
    except (KeyError, TypeError, StopIteration):
        names = []
    if not names:
        raise SubscriptionRefused(
            f"{host_url}/admin/functions names no blob trigger with source=EventGrid (it answered {response.status}). "
            "Name the functions yourself with --function."
        )
    return names
