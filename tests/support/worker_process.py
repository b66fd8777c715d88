"""Azure's own Python worker with an app in it, seen from a test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from azure.storage.blob import BlobClient

from devstack import processes

_DRIVER = Path(__file__).with_name("real_worker.py")
_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What the worker says to the host; the texts are empty for a success."""

    succeeded: bool
    message: str
    stack_trace: str
    http: Mapping[str, Any] = field(default_factory=dict)
    """Status, headers and text, where a request started the function."""


class RealWorker:
    """A worker that has tried to index an app; made by `running`.

    `indexed` says how that went, `functions` holds the name and the bindings of each function that it found.
    """

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, lines: TextIO, output: Path) -> None:
        self._process = process
        self._stopped = False
        self._channel = channel
        self._lines = lines
        self._output = output
        first = self._receive()
        self.functions: list[dict[str, Any]] = first.pop("functions")
        self.indexed = Answer(**first)

    @classmethod
    @contextmanager
    def running(
        cls, python: Path, app_dir: Path, *, settings: Mapping[str, str], state_dir: Path
    ) -> Iterator[RealWorker]:
        """Start a worker and wait until it has indexed the app; it is stopped at the end.

        Arguments:
            python: an interpreter that has the worker library and the app's packages.
            app_dir: the folder with function_app.py.
            settings: the app settings. Nothing else but PATH and HOME is in the worker's environment.
            state_dir: an existing folder for what the worker prints and for its home.
        """
        ours, theirs = socket.socketpair()
        with theirs, closing(ours), (state_dir / "worker.log").open("wb") as log:
            # -P: only the app's own folder, not the driver's, is on the path of the app.
            process = subprocess.Popen(
                [python, "-P", _DRIVER, str(theirs.fileno()), app_dir],
                cwd=app_dir,
                env={"PATH": os.environ["PATH"], "HOME": str(state_dir), **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            theirs.close()
            with _ended_at_last(process), cls._talking(process, ours, state_dir) as worker:
                yield worker

    @classmethod
    @contextmanager
    def calling_at(cls, door: socket.socket, words: Sequence[str], state_dir: Path) -> Iterator[RealWorker]:
        """As `running`, with a worker that is started somewhere else, by these words, and connects to a socket.

        Arguments:
            door: listens.
            words: a command that ends when the worker does.
        """
        with (state_dir / "worker.log").open("wb") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            with _ended_at_last(process):
                door.settimeout(_ANSWER_SECONDS)
                with closing(door.accept()[0]) as ours, cls._talking(process, ours, state_dir) as worker:
                    yield worker

    @classmethod
    @contextmanager
    def _talking(cls, process: subprocess.Popen[bytes], ours: socket.socket, state_dir: Path) -> Iterator[RealWorker]:
        ours.settimeout(_ANSWER_SECONDS)
        with ours.makefile("r", encoding="utf-8") as lines:
            worker = cls(process, ours, lines, state_dir / "worker.log")
            yield worker
            if not worker._stopped:
                ours.shutdown(socket.SHUT_WR)
                assert process.wait(_STOP_SECONDS) == 0, worker.output

    @property
    def output(self) -> str:
        """What the worker has printed and logged so far."""
        return self._output.read_text("utf-8", "replace")

    def stop(self) -> int:
        """Send it SIGTERM and wait for its end; its exit code, negative for a signal."""
        self._stopped = True
        self._process.terminate()
        return self._process.wait(_STOP_SECONDS)

    def invoke(self, function: str, *blobs: BlobClient) -> list[Answer]:
        """Run a blob-triggered function for all these blobs at once, and wait for all answers, in the blobs' order."""
        (bindings,) = (found["bindings"] for found in self.functions if found["name"] == function)
        (trigger,) = bindings
        ids = [str(uuid.uuid4()) for _ in blobs]
        for invocation, blob in zip(ids, blobs, strict=True):
            request = {"id": invocation, "function": function, **_event(trigger, blob)}
            self._channel.sendall(json.dumps(request).encode() + b"\n")
        answers = {}
        for _ in blobs:
            received = self._receive()
            invocation = received.pop("id")
            answers[invocation] = Answer(**received)
        return [answers[invocation] for invocation in ids]

    def get(self, function: str, url: str, *, route: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Run a function that a request starts; its answer has ``http``.

        Arguments:
            url: what was asked for.
            route: the parts of the address that the function's route names.
            headers: by names in lower case, as the .NET host passes them on.
        """
        (bindings,) = (found["bindings"] for found in self.functions if found["name"] == function)
        (trigger,) = (binding for binding in bindings if binding["type"] == "httpTrigger")
        request = {"method": "GET", "url": url, "headers": dict(headers), "params": dict(route), "query": {}}
        sent = {"id": "1", "function": function, "parameter": trigger["name"], "http": request, "trigger_metadata": {}}
        self._channel.sendall(json.dumps(sent).encode() + b"\n")
        received = self._receive()
        del received["id"]
        return Answer(**received)

    def _receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line, f"The worker ended. It printed:\n{self.output}"
        received: dict[str, Any] = json.loads(line)
        return received


def _event(trigger: dict[str, Any], blob: BlobClient) -> dict[str, Any]:
    """What the .NET host sends for a blob in a container other than the one in the trigger's path: no `name`."""
    properties = blob.get_blob_properties()
    described = {
        "ContentLength": properties.size,
        "ContentType": properties.content_settings.content_type,
        "LastModified": properties.last_modified.isoformat(),
        "BlobType": 0,
    }
    content = {"Connection": trigger["connection"], "ContainerName": blob.container_name, "BlobName": blob.blob_name}
    return {
        "parameter": trigger["name"],
        "model_binding_data": {
            "version": "1.0",
            "source": "AzureStorageBlobs",
            "content_type": "application/json",
            "content": json.dumps(content),
        },
        "trigger_metadata": {
            "BlobTrigger": ("string", f"{blob.container_name}/{blob.blob_name}"),
            "Uri": ("json", json.dumps(blob.url)),
            "Properties": ("json", json.dumps(described)),
            "Metadata": ("json", json.dumps(properties.metadata)),
        },
    }


@contextmanager
def _ended_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        processes.kill_leftovers(process.pid)
        process.wait()
