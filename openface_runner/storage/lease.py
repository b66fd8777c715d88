"""A lease that is kept by renewing it, until it is given up or somebody else has it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobLeaseClient

from openface_runner.storage.errors import error_code

_log = logging.getLogger(__name__)

_RENEWALS = 6
"""In the time of one lease; what is noted of a running job is written with them."""
_AFTER_FAILURE = 1.0
"""Seconds until a renewal that failed is tried again."""
IMPATIENT: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5}
"""Options of a request that is worth nothing when it is late: this module tries again by itself, and sooner."""
_REFUSED = (404, 409, 412)
"""HTTP statuses: the record is gone, or the lease is another's."""


class KeptLease:
    """A lease, renewed by a thread of its own.

    When storage can't be reached for longer than the lease lasts, renewing goes on: nobody else can take it then
    either, and the service renews one that has run out as long as nobody has taken it.

    Arguments:
        name: what it is on, for the log.
        lease: acquired.
        seconds: how long it lasts without renewal.
        on_renewed: called after each renewal, from the thread.
        on_lost: called once when it is somebody else's, from the thread.
    """

    def __init__(
        self,
        name: str,
        lease: BlobLeaseClient,
        *,
        seconds: int,
        on_renewed: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.lease = lease
        self._name = name
        self._renew_every = seconds / _RENEWALS
        self._on_renewed = on_renewed
        self._on_lost = on_lost
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_lost = False
        self._start()

    def pause(self) -> None:
        """Renew it no more, so that it is known when it runs out at the latest: one period from now."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def resume(self) -> None:
        """Renew it now, and from now on."""
        self._stop.clear()
        self._renew()
        if not self.is_lost:
            self._start()

    def give_up(self) -> None:
        """Let it go, so that nobody needs to wait for its end."""
        self.pause()
        # They lead to who holds this: a circle, which with the clients in it would stay in memory until the garbage
        # collector's next full round, some hundred jobs later.
        self._on_renewed = self._on_lost = _nothing
        with contextlib.suppress(AzureError):  # it ends by itself, only later
            self.lease.release(**IMPATIENT)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._keep, name=f"claim on {self._name}", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        wait = self._renew_every
        while not self.is_lost and not self._stop.wait(wait):
            wait = self._renew_every if self._renew() else _AFTER_FAILURE

    def _renew(self) -> bool:
        """Renew it once; whether that worked."""
        try:
            self.lease.renew(**IMPATIENT)
        except HttpResponseError as error:
            _log.warning("The claim on %s could not be renewed: %s", self._name, error_code(error))
            if error.status_code in _REFUSED:
                self.is_lost = True
                self._on_lost()
            return False
        except AzureError as error:
            _log.warning("The claim on %s could not be renewed: %s", self._name, type(error).__name__)
            return False
        self._on_renewed()
        return True


def _nothing() -> None:
    """For who wants to hear no more."""
