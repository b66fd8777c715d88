"""How long, and how often, storage is asked before a job gives up.

The Functions host tries a failed job again at once, five times, and then puts its event into the poison queue. So what
carries a job over a minute without storage is the patience here. The SDK's own policy doesn't fit: it waits 15 seconds
before its first retry, and takes HTTP 429 for an answer.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import requests
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import LocationMode
from requests.adapters import HTTPAdapter

PART = 4 * 1024 * 1024
"""Bytes that go at once, down or up: what is held in memory, and what a cut connection costs."""
_CONNECTIONS = 128
"""Kept open for reuse. The usual 10 are too few for 32 jobs with up to four requests each: more were opened and thrown
away again with every request."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """What a request waits for; all in seconds."""

    first_wait: float = 0.5
    """Before the first retry; each later wait is twice as long. Most hiccups are over by then."""
    longest_wait: float = 10.0
    """Between two tries, so that storage that is back is noticed soon."""
    total: float = 90.0
    """From the first try until the last one may begin: longer than the service takes to move a partition elsewhere."""
    connect_timeout: float = 5.0
    """An address that takes longer isn't going to answer."""
    read_timeout: float = 30.0
    """Without a byte from the service, which itself gives up most requests after 30 seconds."""

    def client_options(self) -> dict[str, Any]:
        """The options of the SDK's clients that make them so patient."""
        return {
            "retry_policy": PatientRetry(self),
            "max_single_get_size": PART,
            "max_chunk_get_size": PART,
            "max_single_put_size": PART,
            "max_block_size": PART,
            # A transport of one's own gets none of the client's timeouts.
            "transport": RequestsTransport(
                session=_session(), connection_timeout=self.connect_timeout, read_timeout=self.read_timeout
            ),
        }


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return session


class PatientRetry(RetryPolicy[Any, Any]):
    """Tries again after 408, 429, 500, 502, 503, 504, timeouts and cut connections, until the patience is at its end.

    Of the options of a single request it knows ``retry_total``: at most so many retries.
    """

    def __init__(self, patience: Patience) -> None:
        # Time is what counts here; the counters are there to be lowered for single requests.
        many = 1_000_000
        super().__init__(retry_total=many, retry_connect=many, retry_read=many, retry_status=many)
        self._patience = patience

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """The state of one request, and the options that are for this policy taken out."""
        # They are of the storage SDK's own policy, which goes to a second region with them; the transport takes none.
        for name in ("hosts", "location_mode", "retry_to_secondary"):
            options.pop(name, None)
        return super().configure_retries(options) | {"began": time.monotonic(), "wait": 0.0}

    def increment(self, settings: dict[str, Any], response: Any = None, error: Exception | None = None) -> bool:
        """Whether to try once more; how long to wait before is in the settings afterwards."""
        if not super().increment(settings, response=response, error=error):
            return False
        answered = isinstance(response, PipelineResponse)
        asked = self.get_retry_after(response) if answered else None
        settings["wait"] = max(asked or 0.0, self._wait(len(settings["history"])))
        again = bool(time.monotonic() - settings["began"] + settings["wait"] <= self._patience.total)
        if again and answered:
            # Nobody reads the body of an answer that is asked for again, and unread it would hold its connection.
            response.http_response.internal_response.close()
        return again

    def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:  # noqa: ARG002
        """Wait as long as was decided."""
        transport.sleep(settings["wait"])

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send it, again and again if need be."""
        response = super().send(request)
        response.http_response.location_mode = LocationMode.PRIMARY  # the storage SDK reads it off every response
        return response

    def _wait(self, retry: int) -> float:
        wait = min(self._patience.longest_wait, self._patience.first_wait * 2.0 ** min(retry - 1, 32))
        # Many jobs that storage turned away at once shouldn't come back at once.
        return wait * random.uniform(0.75, 1.25)  # noqa: S311 - nobody gains by guessing it
