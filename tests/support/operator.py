"""The operator of an app whose jobs are given up."""

from __future__ import annotations

import base64
import json

from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from devstack.azurite import Storage
from tests.support.samples import sample

FACE = sample("face.jpg").read_bytes()
FUNCTION = "Host.Functions.analyse_media"


class Operator:
    """What an operator has: a command line, the poison queue, and a container with media in it."""

    def __init__(self, storage: Storage, queue: QueueClient, media: ContainerClient) -> None:
        self.storage = storage
        self.queue = queue
        self.media = media
        self.container = media.container_name

    def poison(self, *names: str, container: str | None = None, upload: bool = True) -> None:
        """Give media up, as the host does after its tries."""
        for name in names:
            if upload:
                self.media.upload_blob(name, FACE)
            message = {
                "Type": "BlobTrigger",
                "FunctionId": FUNCTION,
                "BlobType": "BlockBlob",
                "ContainerName": container or self.container,
                "BlobName": name,
                "ETag": "0x1",
            }
            self.send(base64.b64encode(json.dumps(message).encode()).decode())

    def send(self, text: str) -> None:
        self.queue.send_message(text, time_to_live=-1)

    def visible(self) -> list[str]:
        """The texts of all messages that anybody can see at this moment."""
        return [
            message.content for message in self.queue.receive_messages(messages_per_page=32, visibility_timeout=300)
        ]

    def visible_names(self) -> list[str]:
        return sorted(json.loads(base64.b64decode(text))["BlobName"] for text in self.visible())
