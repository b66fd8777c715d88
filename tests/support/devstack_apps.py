"""What small function apps for the devstack's tests have in common."""

from __future__ import annotations

import uuid

from azure.storage.blob import BlobServiceClient, ContainerClient

# The trigger's path names a container that doesn't exist: the one that counts is the event's.
HEAD = """
import asyncio, logging, os, pathlib, signal, threading
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
from azure.storage.blob import BlobServiceClient

logging.getLogger("azure").setLevel(logging.WARNING)
app = func.FunctionApp()
on_upload = app.blob_trigger(
    arg_name="client", path="media/{name}", connection="AzureWebJobsStorage", source=func.BlobSource.EVENT_GRID
)

def write(client, text):
    # Into a container whose name no test uploads to, so that a test's results are its own uploads'.
    account = BlobServiceClient.from_connection_string(os.environ["AzureWebJobsStorage"])
    with account, account.get_blob_client("written", f"{client.container_name}/{client.blob_name}") as target:
        target.upload_blob(text, overwrite=True)
"""

COPIES = (
    HEAD
    + """
@on_upload
def copy(client: blob.BlobClient) -> None:
    if client.container_name != "written":
        write(client, client.download_blob().readall())
"""
)


def new_container(service: BlobServiceClient) -> ContainerClient:
    """A new container named by a UUID."""
    return service.create_container(str(uuid.uuid4()))


def written(service: BlobServiceClient, container: str, blob: str) -> bytes:
    """What the app wrote for a blob."""
    with service.get_blob_client("written", f"{container}/{blob}") as client:
        return client.download_blob().readall()
