"""The image that plays Event Grid for compose.yaml, started as compose.yaml says, on a host that asks for its key."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import parse_qs, urlsplit

import yaml
from azure.storage.blob import BlobServiceClient

from devstack.azurite import Storage
from tests.image.builder import REPOSITORY, Builder
from tests.image.conftest import Layout
from tests.image.test_image import build

KEYS = REPOSITORY / "docker" / "development-keys.json"
SECONDS = 60


class KeyedHost(ThreadingHTTPServer):
    """What the real host does at its webhook in a container: 401 without its key, and the validation's code."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.told: SimpleQueue[str] = SimpleQueue()
        (key,) = json.loads(KEYS.read_bytes())["systemKeys"]
        self.expected = (
            "/runtime/webhooks/blobs",
            {"functionName": ["Host.Functions.analyse_media"], "code": [key["value"]]},
        )


class _Webhook(BaseHTTPRequestHandler):
    server: KeyedHost

    def do_GET(self) -> None:
        self._answer(404, {})

    def do_POST(self) -> None:
        (event,) = json.loads(self.rfile.read(int(self.headers["content-length"])))
        address = urlsplit(self.path)
        if (address.path, parse_qs(address.query)) != self.server.expected:
            self._answer(401, {})
        elif self.headers["aeg-event-type"] == "SubscriptionValidation":
            self._answer(200, {"validationResponse": event["data"]["validationCode"]})
        else:
            self._answer(202, {})
            self.server.told.put(event["data"]["url"])

    def _answer(self, status: int, content: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def keyed_host() -> Iterator[KeyedHost]:
    with KeyedHost() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_it_shows_the_host_its_key_and_tells_it_of_an_upload(
    builder: Builder, functions_image: str, storage: Storage
) -> None:
    image = build(builder, functions_image, "localhost/none", Layout(programs=""), target="devstack")
    events = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]["events"]
    # What compose mounts: the folder of Azurite's access log is here another one than there.
    mounted = dict(volume.split(":")[:2] for volume in events["volumes"])
    (log,) = (word.partition("=")[2] for word in events["command"] if word.startswith("--access-log="))
    volumes = {storage.access_log: f"{log}:ro", KEYS: f"{mounted[f'./{KEYS.relative_to(REPOSITORY)}']}:ro"}
    with (
        keyed_host() as host,
        builder.running(image, volumes) as container,
        closing(BlobServiceClient.from_connection_string(storage.connection_string)) as service,
    ):
        # The usual ports may be others' here.
        ports = (f"--blob-port={storage.ports.blob}", f"--host-port={host.server_port}")
        words = container.words("python3", "-m", "devstack", *events["command"], *ports)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as grid:
            try:
                medium = service.create_container(str(uuid.uuid4())).upload_blob("a face.jpg", Path(KEYS).read_bytes())
                # It begins with what was written before it began, so that other tests' uploads may come first.
                while host.told.get(timeout=SECONDS) != medium.url:
                    pass
            finally:
                grid.terminate()
