"""Takes messages from the trigger queue and runs functions for them, with the blobs extension's rules for failures."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from azure.core.exceptions import AzureError

from devstack.functions_host.app_metadata import BlobFunction
from devstack.functions_host.host_json import BlobLimits
from devstack.functions_host.media_account import MediaAccount
from devstack.functions_host.results import InvocationResult, Outcome
from devstack.functions_host.trigger_queue import BlobMessage, TakenMessage, TriggerQueue
from devstack.functions_host.worker_process import InvocationFailed, WorkerDied
from devstack.functions_host.worker_supervisor import WorkerSupervisor

_log = logging.getLogger(__name__)

# Seconds between looks at the queue when nobody says that there is something: messages from elsewhere are rare.
FALLBACK_POLL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """A function and the account whose blobs it is about."""

    function: BlobFunction
    account: MediaAccount


class Dispatcher:
    """Runs functions for messages, as many at once as host.json allows.

    Arguments:
        queue: the trigger queue.
        targets: the functions by function id.
        worker: runs them.
        limits: from host.json.
        on_result: called with each try's end, after the queue knows of it.
        fallback_poll: seconds between looks at the queue without being woken.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, each by name
        self,
        *,
        queue: TriggerQueue,
        targets: Mapping[str, Target],
        worker: WorkerSupervisor,
        limits: BlobLimits,
        on_result: Callable[[InvocationResult], None],
        fallback_poll: float = FALLBACK_POLL_SECONDS,
    ) -> None:
        self._queue = queue
        self._targets = targets
        self._worker = worker
        self._limits = limits
        self._on_result = on_result
        self._fallback_poll = fallback_poll
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def put(self, message: BlobMessage) -> None:
        """Queue a message, and see to it that it is taken soon."""
        await self._queue.put(message.to_json())
        self._woken.set()

    async def run(self) -> None:
        """Take and run messages for ever. When cancelled, what runs is given up and its messages go back."""
        try:
            while True:
                self._woken.clear()
                if not await self._start_some():
                    await self._sleep_until_woken()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _start_some(self) -> bool:
        free = self._limits.max_degree_of_parallelism - len(self._running)
        if free <= 0:
            return False
        try:
            messages = await self._queue.take(free)
        except AzureError as error:
            _log.error("The trigger queue can't be read, trying again soon: %s", error)
            return False
        for message in messages:
            task = asyncio.create_task(self._process(message))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return bool(messages)

    async def _sleep_until_woken(self) -> None:
        try:
            async with asyncio.timeout(self._fallback_poll):
                await self._woken.wait()
        except TimeoutError:
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A message could not be dealt with; it will be visible again in some minutes.", exc_info=error)

    async def _process(self, taken: TakenMessage) -> None:
        finished = asyncio.Event()
        keeping = asyncio.create_task(self._queue.keep(taken, finished))
        try:
            result = await self._attempt(taken)
        except asyncio.CancelledError:
            finished.set()
            await asyncio.wait({keeping})
            await self._queue.give_back(taken)
            raise
        finally:
            finished.set()
        await keeping
        if result is not None:
            result = await self._conclude(taken, result)
            self._on_result(result)
        else:
            await self._queue.delete(taken)

    async def _attempt(self, taken: TakenMessage) -> InvocationResult | None:
        try:
            message = BlobMessage.from_json(taken.text)
        except ValueError as error:
            _log.error("Dropped a message: %s", error)
            return None
        target = self._targets.get(message.function_id)
        if target is None:
            _log.warning("Dropped a message for %s, which this app doesn't have.", message.function_id)
            return None
        result = InvocationResult(
            function=target.function.name,
            container=message.container,
            blob=message.blob,
            outcome=Outcome.SUCCEEDED,
            attempt=taken.attempt,
            invocation_id=str(uuid.uuid4()),
        )
        if taken.attempt > self._limits.poison_blob_threshold:
            return replace(result, outcome=Outcome.FAILED, error="The host ended during each of the tries before.")
        try:
            if not await target.account.exists(message.container, message.blob):
                _log.info("Dropped %s/%s: the blob is gone.", message.container, message.blob)
                return replace(result, outcome=Outcome.DROPPED, error="The blob is gone.")
        except AzureError as error:
            return replace(result, outcome=Outcome.FAILED, error=f"The blob can't be looked at: {error}")
        return await self._run_function(target.function, result)

    async def _run_function(self, function: BlobFunction, result: InvocationResult) -> InvocationResult:
        name, run = f"Functions.{function.name}", result.invocation_id
        reason = f"New blob detected(EventGrid): {result.container}/{result.blob}"
        _log.info("Executing '%s' (Reason='%s', Id=%s)", name, reason, run)
        started = time.monotonic()
        content = {"Connection": function.connection, "ContainerName": result.container, "BlobName": result.blob}
        try:
            await self._worker.invoke(function.name, run, content)
        except (InvocationFailed, WorkerDied) as error:
            result = replace(result, outcome=Outcome.FAILED, error=str(error))
        state = "Succeeded" if result.succeeded else "Failed"
        milliseconds = round((time.monotonic() - started) * 1000)
        _log.info("Executed '%s' (%s, Id=%s, Duration=%dms)", name, state, run, milliseconds)
        if result.error:
            _log.error("%s", result.error.rstrip())
        return result

    async def _conclude(self, taken: TakenMessage, result: InvocationResult) -> InvocationResult:
        if result.settled:
            await self._queue.delete(taken)
            return result
        if taken.attempt < self._limits.poison_blob_threshold:
            await self._queue.give_back(taken)
            return result
        target = self._targets[f"Host.Functions.{result.function}"]
        await target.account.poison(taken.text)
        await self._queue.delete(taken)
        _log.error("%s/%s is in the poison queue after %d tries.", result.container, result.blob, taken.attempt)
        return replace(result, outcome=Outcome.POISONED)
